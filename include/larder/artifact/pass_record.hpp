#pragma once

// What a pass made, in about a kilobyte: enough to walk a chain without moving a byte of a model. It may come from a shared store, so it is taken
// for hostile: other formats, members that are missing or of the wrong type, names that lead out of a folder, sums that do not add up are refused.

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/pass.hpp>
#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/record_text.hpp>
#include <larder/artifact/relative_name.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/format/json_object.hpp>
#include <larder/format/json_text.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder {

/// A file that a pass made.
struct pass_file {
  std::string name;  ///< relative, with `/` between its parts
  std::uint64_t size = 0;
  content_digest digest;  ///< SHA-256

  friend bool operator==(const pass_file&, const pass_file&) = default;
};

/// That a pass failed, and for how long that counts.
struct recorded_failure {
  failure_kind kind = failure_kind::permanent;
  std::string message;
  instant until = no_deadline;

  friend bool operator==(const recorded_failure&, const recorded_failure&) = default;
};

struct pass_record {
  std::string id;
  std::string key;                        ///< the text that the id is the digest of
  std::vector<pass_file> files;           ///< by name; empty while `listing` has not been read
  std::optional<content_digest> listing;  ///< of the text that has the files, when they are too many for the record
  std::uint64_t listing_size = 0;
  std::uint64_t bytes = 0;  ///< of all files
  double seconds = 0;       ///< that the pass took
  instant made{0};          ///< since 1970
  std::string workflow;     ///< that made it
  bool is_private = false;
  std::optional<recorded_failure> failure;  ///< instead of files

  friend bool operator==(const pass_record&, const pass_record&) = default;

  static constexpr std::string_view format = "larder pass 1";
  static constexpr std::size_t longest = std::size_t{1} << 20U;           ///< bytes of a record that is looked at
  static constexpr std::size_t longest_listing = std::size_t{64} << 20U;  ///< likewise
  static constexpr std::size_t usual_size = 1000;  ///< with more than that, without its key's text, the files go to a listing

  /// The record's text, and that of its listing when it gets one; `listing` and `listing_size` say so then. Without a place for the latter all
  /// files are in the record. A listing that was not read stays what it is.
  std::string text(std::string* listing_text);
  /// Throws `larder::error` (corruption) when it is none.
  static pass_record parse(std::string_view text);
  /// Fills in the files. Throws `larder::error` (corruption) when the text is not the listing of this record.
  void read_listing(std::string_view text);

  bool lives(instant now) const noexcept { return !failure || now < failure->until; }
};

namespace pass_record_rules {

using artifacts::record_object;

/// A text that is shown to people: a shared record's may be anybody's, and terminals obey control characters.
inline std::string shown(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F) c = ' ';
  return out;
}

[[noreturn]] inline void refuse(const std::string& why) {
  core::fail(error_cause::corruption, "not a valid record of a pass: " + why);
}

inline std::string files_text(std::span<const pass_file> files) {
  std::string out = "[";
  for (const pass_file& file : files) {
    if (out.size() != 1) out += ',';
    out += '[';
    larder::format::append_json_text(out, file.name);
    out += ',' + std::to_string(file.size) + ",\"" + file.digest.hex() + "\"]";
  }
  return out + ']';
}

inline pass_file read_file(const simdjson::dom::element& element, const std::string& where) {
  simdjson::dom::array parts;
  if (element.get(parts) != simdjson::SUCCESS || parts.size() != 3) refuse(where + " is no list of three");
  std::string_view name, digest;
  if (parts.at(0).get(name) != simdjson::SUCCESS || parts.at(2).get(digest) != simdjson::SUCCESS)
    refuse(where + " has no name or no digest");
  if (const std::string_view fault = artifacts::relative_name_fault(name); !fault.empty())
    refuse(where + " may not be called " + larder::format::printable_name(name) + ": " + std::string(fault));
  simdjson::dom::element size;
  if (parts.at(1).get(size) != simdjson::SUCCESS) refuse(where + " has no size");
  const std::optional<content_digest> parsed = content_digest::parse(digest);
  if (!parsed || parsed->algorithm() != digest_algorithm::sha256) refuse(where + " has no SHA-256");
  return {std::string(name), larder::format::exact_json_integer(size, "the size of " + where, refuse), *parsed};
}

/// Files in the order of their names, none twice and none a folder of another one; their sizes are `bytes` together.
inline std::vector<pass_file> read_files(const simdjson::dom::array& list, std::uint64_t bytes) {
  std::vector<pass_file> files;
  std::uint64_t sum = 0;
  for (const simdjson::dom::element element : list) {
    files.push_back(read_file(element, "file " + std::to_string(files.size())));
    if (__builtin_add_overflow(sum, files.back().size, &sum)) refuse("its files are larger than can be");
    if (files.size() < 2) continue;
    const std::string& before = files[files.size() - 2].name;
    const std::string& name = files.back().name;
    if (!(before < name)) refuse("its files are not in order, or one is there twice");
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string folder = files[i].name + '/';
    const auto next =
        std::lower_bound(files.begin(), files.end(), folder, [](const pass_file& f, const std::string& n) { return f.name < n; });
    if (next != files.end() && next->name.starts_with(folder)) refuse("one of its files is the folder of another one");
  }
  if (sum != bytes) refuse("its files have not the size that it names");
  return files;
}

}  // namespace pass_record_rules

inline std::string pass_record::text(std::string* listing_text) {
  using larder::format::append_json_text;
  std::string out = "{\"format\":\"" + std::string(format) + "\",\"id\":\"" + id + "\",\"key\":";
  append_json_text(out, key);
  out += ",\"bytes\":" + std::to_string(bytes) + ",\"seconds\":" + artifacts::seconds_text(seconds) +
         ",\"made\":" + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(made).count()) + ",\"workflow\":";
  append_json_text(out, workflow);
  if (is_private) out += ",\"private\":true";
  if (failure) {
    out += ",\"failure\":{\"kind\":\"" + std::string(failure->kind == failure_kind::permanent ? "permanent" : "transient") +
           "\",\"message\":";
    append_json_text(out, failure->message);
    if (failure->until != no_deadline)
      out += ",\"until\":" + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(failure->until).count());
    out += '}';
  } else {
    std::string all = pass_record_rules::files_text(files);
    const bool is_unread = listing && files.empty();
    if (!is_unread && listing_text != nullptr && out.size() - key.size() + all.size() > usual_size) {
      listing = digest_of(std::string_view(all), digest_algorithm::sha256);
      listing_size = all.size();
      listing_text->swap(all);
    } else if (!is_unread) {
      listing.reset();
      listing_size = 0;
    }
    out += listing ? ",\"listing\":[\"" + listing->hex() + "\"," + std::to_string(listing_size) + ']' : ",\"files\":" + all;
  }
  return out + '}';
}

inline pass_record pass_record::parse(std::string_view text) {
  using namespace pass_record_rules;
  simdjson::dom::parser parser;
  const record_object root(larder::format::parse_json_object(parser, std::as_bytes(std::span(text)), "it", refuse), refuse);
  if (root.text("format") != format) refuse("its format is not \"" + std::string(format) + "\"");
  pass_record made;
  made.id = root.text("id");
  if (!artifacts::is_pass_id(made.id)) refuse("its id is none");
  made.key = root.text("key");
  made.bytes = root.number("bytes");
  made.seconds = root.real("seconds");
  made.made = root.moment("made");
  made.workflow = shown(root.text("workflow"));
  made.is_private = root.has("private");
  if (root.has("failure")) {
    const record_object failure(root.object("failure"), refuse);
    const std::string_view kind = failure.text("kind");
    if (kind != "permanent" && kind != "transient") refuse("its failure is of no known kind");
    made.failure =
        recorded_failure{kind == "permanent" ? failure_kind::permanent : failure_kind::transient,
                         shown(failure.text("message")), failure.has("until") ? failure.moment("until") : no_deadline};
  } else if (root.has("listing")) {
    const simdjson::dom::array listing = root.array("listing");
    std::string_view digest;
    simdjson::dom::element size;
    if (listing.size() != 2 || listing.at(0).get(digest) != simdjson::SUCCESS || listing.at(1).get(size) != simdjson::SUCCESS)
      refuse("its listing is no pair");
    made.listing = content_digest::parse(digest);
    if (!made.listing || made.listing->algorithm() != digest_algorithm::sha256) refuse("its listing has no SHA-256");
    made.listing_size = larder::format::exact_json_integer(size, "the size of its listing", refuse);
    if (made.listing_size > longest_listing) refuse("its listing is too long");
  } else {
    made.files = read_files(root.array("files"), made.bytes);
  }
  return made;
}

inline void pass_record::read_listing(std::string_view text) {
  using namespace pass_record_rules;
  if (!listing || text.size() != listing_size || digest_of(text, digest_algorithm::sha256) != *listing)
    refuse("its listing is damaged");
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array list;
  if (parser.parse(text.data(), text.size(), true).get(root) != simdjson::SUCCESS || root.get(list) != simdjson::SUCCESS)
    refuse("its listing is no list");
  files = read_files(list, bytes);
}

}  // namespace larder
