#pragma once

// What a package is: a small JSON file in its folder, which is written last. Whoever finds one takes it for hostile: names are checked, digests and
// sizes have to be such, and anything else makes it no manifest at all.
//
//   {"format": "larder package 1", "model_id": "a/b", "package_id": "onnxfp32", "files": [
//     {"name": "model.onnx", "digest": "sha256:...", "size": 12, "kept": "relative"},
//     {"name": "labels.txt", "content": "xxh3:...", "size": 5, "kept": "own"}]}
//
// A model id that is not UTF-8 stands in "model_id_bytes", in hexadecimal digits.

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/file_link.hpp>
#include <larder/artifact/package_file.hpp>
#include <larder/artifact/package_place.hpp>
#include <larder/core/error.hpp>
#include <larder/format/json_object.hpp>
#include <larder/format/json_text.hpp>
#include <larder/format/utf8.hpp>
#include <larder/remote/message_digest.hpp>

#include <array>
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

/// How a package has a file.
enum class file_keeping : std::uint8_t {
  relative,  ///< a relative link to a blob
  hard,      ///< a second name of a blob
  copy,      ///< a copy of a blob
  own,       ///< no blob: its provider gave no digest
};

constexpr std::string_view to_string(file_keeping kept) noexcept {
  constexpr std::array<std::string_view, 4> names{"relative", "hard", "copy", "own"};
  return names[static_cast<std::size_t>(kept)];
}

/// A file that a package has.
struct packaged_file {
  std::string name;
  content_digest digest{};  ///< of its content; the provider's, unless the file is its own: then XXH3-128 of what came
  std::uint64_t size = 0;
  file_keeping kept = file_keeping::relative;

  /// Whether its content was compared with a digest that the provider gave.
  bool is_verified() const noexcept { return kept != file_keeping::own; }
  friend bool operator==(const packaged_file&, const packaged_file&) = default;
};

struct package_manifest {
  std::string model_id;
  std::string package_id;
  std::vector<packaged_file> files;

  std::uint64_t size() const noexcept {
    std::uint64_t sum = 0;
    for (const packaged_file& file : files) sum += file.size;
    return sum;
  }
  friend bool operator==(const package_manifest&, const package_manifest&) = default;
};

namespace artifacts {

inline constexpr std::string_view package_format = "larder package 1";
inline constexpr std::size_t largest_package_manifest = std::size_t{64} << 20U;

inline constexpr file_keeping kept_as(link_mode mode) noexcept {
  return mode == link_mode::hard ? file_keeping::hard : mode == link_mode::copy ? file_keeping::copy : file_keeping::relative;
}

inline std::string manifest_text(const package_manifest& manifest) {
  std::string out = "{\"format\": ";
  format::append_json_text(out, package_format);
  if (format::is_utf8(manifest.model_id)) {
    out += ", \"model_id\": ";
    format::append_json_text(out, manifest.model_id);
  } else {
    out += ", \"model_id_bytes\": ";
    format::append_json_text(out, remote::hex_of(std::as_bytes(std::span(manifest.model_id))));
  }
  out += ", \"package_id\": ";
  format::append_json_text(out, manifest.package_id);
  out += ", \"files\": [";
  for (std::size_t i = 0; i < manifest.files.size(); ++i) {
    const packaged_file& file = manifest.files[i];
    out += i == 0 ? "\n  {\"name\": " : ",\n  {\"name\": ";
    format::append_json_text(out, file.name);
    out += file.is_verified() ? ", \"digest\": \"" : ", \"content\": \"";
    out += file.digest.text() + "\", \"size\": " + std::to_string(file.size) + ", \"kept\": \"" +
           std::string(to_string(file.kept)) + "\"}";
  }
  return out + "]}\n";
}

/// Reads manifests, one after the other with the same memory. For one thread at a time.
class manifest_reader {
 public:
  /// Throws `larder::error` (corruption) that names `subject`.
  package_manifest read(std::string_view text, const std::string& subject) {
    const auto refuse = [&](const std::string& why) { core::fail(error_cause::corruption, why); };
    package_manifest manifest;
    const simdjson::dom::object object = format::parse_json_object(parser_, std::as_bytes(std::span(text)), subject, refuse);
    bool is_ours = false, has_model = false, has_package = false, has_files = false;
    for (const auto [key, value] : object) {
      if (key == "format") {
        is_ours = text_of(value, subject, "format") == package_format;
      } else if (key == "model_id" && !has_model) {
        manifest.model_id = text_of(value, subject, "model_id");
        has_model = true;
      } else if (key == "model_id_bytes" && !has_model) {
        manifest.model_id = bytes_of(text_of(value, subject, "model_id_bytes"), subject);
        has_model = true;
      } else if (key == "package_id" && !has_package) {
        manifest.package_id = text_of(value, subject, "package_id");
        has_package = true;
      } else if (key == "files" && !has_files) {
        read_files(value, manifest.files, subject);
        has_files = true;
      } else {
        refuse(subject + " has the member " + format::printable_name(key) + ", which does not belong there, or twice");
      }
    }
    if (!is_ours) refuse(subject + " is not of the format \"" + std::string(package_format) + "\"");
    if (!has_model || !has_package || !has_files) refuse(subject + " lacks model_id, package_id or files");
    try {
      check_package_id(manifest.package_id);
    } catch (const error& e) {
      refuse(subject + ": " + e.what());
    }
    return manifest;
  }

 private:
  static std::string_view text_of(const simdjson::dom::element& value, const std::string& subject, const char* member) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) core::fail(error_cause::corruption, subject + ": " + member + " is not a string");
    return text;
  }
  static std::string bytes_of(std::string_view digits, const std::string& subject) {
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size() && digit(digits[i]) >= 0 && digit(digits[i + 1]) >= 0; i += 2)
      bytes += static_cast<char>(digit(digits[i]) * 16 + digit(digits[i + 1]));
    if (bytes.size() * 2 != digits.size()) core::fail(error_cause::corruption, subject + ": model_id_bytes is not hexadecimal");
    return bytes;
  }

  static void read_files(const simdjson::dom::element& value, std::vector<packaged_file>& files, const std::string& subject) {
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS) core::fail(error_cause::corruption, subject + ": files is not an array");
    for (const simdjson::dom::element entry : array) files.push_back(read_file(entry, subject));
    std::vector<std::string_view> names;
    names.reserve(files.size());
    for (const packaged_file& file : files) names.push_back(file.name);
    if (const std::string fault = package_names_fault(names); !fault.empty())
      core::fail(error_cause::corruption, subject + ": " + fault);
  }
  static packaged_file read_file(const simdjson::dom::element& entry, const std::string& subject) {
    const auto refuse = [&](const std::string& why) { core::fail(error_cause::corruption, why); };
    simdjson::dom::object object;
    if (entry.get(object) != simdjson::SUCCESS) refuse(subject + ": a file is not an object");
    packaged_file file;
    std::optional<content_digest> digest;
    bool of_provider = false, has_size = false, has_name = false, has_kept = false;
    for (const auto [key, value] : object) {
      if (key == "name" && !has_name) {
        file.name = text_of(value, subject, "name");
        has_name = true;
      } else if ((key == "digest" || key == "content") && !digest) {
        digest = content_digest::parse(text_of(value, subject, "digest"));
        of_provider = key == "digest";
        if (!digest) refuse(subject + ": the digest of a file is none");
      } else if (key == "size" && !has_size) {
        file.size = format::exact_json_integer(value, subject + ": the size of a file", refuse);
        has_size = true;
      } else if (key == "kept" && !has_kept) {
        const std::string_view kept = text_of(value, subject, "kept");
        for (const file_keeping mode : {file_keeping::relative, file_keeping::hard, file_keeping::copy, file_keeping::own})
          if (to_string(mode) == kept) {
            file.kept = mode;
            has_kept = true;
          }
        if (!has_kept) refuse(subject + ": a file is kept in a way that is not known");
      } else {
        refuse(subject + ": a file has the member " + format::printable_name(key) + ", which does not belong there, or twice");
      }
    }
    if (!has_name || !has_size || !has_kept || !digest) refuse(subject + ": a file lacks name, size, kept or digest");
    if (of_provider == (file.kept == file_keeping::own))
      refuse(subject + ": a file has a digest that does not go with how it is kept");
    file.digest = *digest;
    return file;
  }

  simdjson::dom::parser parser_;
};

}  // namespace artifacts
}  // namespace larder
