#include "disk/verification.hpp"

#include "disk/key_text.hpp"

#include <larder/format/chunk_checksums.hpp>
#include <larder/format/compressed_head.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_set>
#include <utility>

#include <fcntl.h>

namespace disk {
namespace {

namespace storage = larder::storage;
using larder::format::file_reference;
using larder::format::record_kind;
using storage::segment_window;

constexpr std::size_t piece = 1024 * 1024;

/// One pass over a directory.
class pass {
 public:
  pass(const segment_inspection& found, bool quiet, const interruption& stop, verified what)
      : found_(found), stop_(stop), what_(what), progress_("verifying", total(found, what), quiet), reader_(found, piece) {
    result_.bytes_total = progress_.total();
    result_.entries_total = 0;
    for (const inspected_segment& in : found.segments())
      for (const inspected_record& record : in.records) result_.entries_total += is_entry(record) ? 1 : 0;
  }

  verification run() {
    look_at_structure();
    if (what_ != verified::structure) read_records();
    for (const auto& [what, count] : later_)
      result_.notes.push_back(std::to_string(count) + (count == 1 ? " record is of " : " records are of ") + what +
                              ", written by a later version: not checked");
    result_.is_interrupted = what_ != verified::structure && is_stopped() &&
                             (result_.entries < result_.entries_total || result_.files < files_.size());
    result_.bytes = progress_.done();
    result_.bytes_total = progress_.total();
    result_.seconds = progress_.seconds();
    return std::move(result_);
  }

 private:
  void read_records() {
    for (const inspected_segment& in : found_.segments())
      for (const inspected_record& record : in.records) {
        if (is_stopped()) break;
        if (is_entry(record)) {
          check_entry(in, record);
          ++result_.entries;
        } else if (record.standing == record_standing::later) {
          check_entry(in, record);  // its head; the rest is for the version that wrote it
        } else if (what_ == verified::records) {
          check_garbage(in, record);
          ++result_.garbage_records;
        }
      }
    for (const auto& [number, users] : files_) {
      if (is_stopped()) break;
      check_file(number, users);
      ++result_.files;
    }
  }

  /// What a program looks for under its key: also what it does not find because of damage.
  static bool is_entry(const inspected_record& record) {
    return record.standing == record_standing::live || record.standing == record_standing::file_missing ||
           (record.standing == record_standing::unreadable && record.entry.id != larder::digest{});
  }
  static std::uint64_t total(const segment_inspection& found, verified what) {
    if (what == verified::structure) return 0;
    std::uint64_t sum = 0;
    std::unordered_set<std::uint64_t> files;
    for (const inspected_segment& in : found.segments())
      for (const inspected_record& record : in.records) {
        if (what != verified::records && !is_entry(record)) continue;
        const bool has_file = larder::format::has_file(record.entry.kind);
        sum += larder::format::segment_record::header_size + (has_file ? file_reference::encoded_size : record.entry.weight);
        if (!has_file || !is_entry(record) || record.reference == inspected_record::no_reference) continue;
        const file_reference& reference = found.references()[record.reference];
        if (files.insert(reference.number).second) sum += reference.size;
      }
    return sum;
  }

  bool is_stopped() const { return stop_.asked(); }

  void look_at_structure() {
    if (!found_.has_marker()) result_.damaged.push_back({"", "the marker file \"format\"", "is missing or damaged", {}, {}, {}});
    for (const inspected_segment& in : found_.segments()) {
      const std::string place = "segment " + std::to_string(in.number);
      const bool is_last = &in == &found_.segments().back();
      if (in.ends == segment_window::ending::damaged)
        result_.damaged.push_back(
            {"", place, "has a footer that does not match its checksum; its records are found by reading all of it", {}, {}, {}});
      if (in.ends == segment_window::ending::other)
        result_.notes.push_back(place + " has a footer of a later version: this version finds its records by reading all of it");
      if (in.ends == segment_window::ending::none && !in.is_active && !is_last)
        result_.notes.push_back(
            place +
            " has no footer, as a crash leaves it: its records are found by reading all of it; larder disk repair writes one");
    }
    std::size_t nameless = 0;
    for (const inspected_segment& in : found_.segments())
      for (const inspected_record& record : in.records)
        nameless += record.entry.id == larder::digest{} && record.entry.kind != record_kind::evicted ? 1 : 0;
    if (nameless != 0)
      result_.notes.push_back(
          std::to_string(nameless) + (nameless == 1 ? " record" : " records") +
          " could not be read when the segment was sealed: no entry is missed for it any more; larder disk compact drops it");
    for (const auto& lost : found_.lost())
      result_.damaged.push_back({"",
                                 text_of_place(lost.at),
                                 "has no whole record, though the log says that one was published; its key has no value now",
                                 lost.at,
                                 {lost.tag, 0},
                                 {}});
    for (const std::uint32_t number : found_.missing_segments())
      result_.damaged.push_back(
          {"", "segment " + std::to_string(number), "is not there, though the log names records in it", {}, {}, {}});
  }

  /// What is wrong with a record, when it is; the entry that it is of.
  std::optional<std::string> wrong_with(const entry& e, const inspected_record& record) {
    segment_window& window = reader_.window(e.at.segment);
    if (!window) return "is not there: its segment's file is missing";
    const auto head = window.head(e.at.unit);
    if (!head) return "has no head that a record may have";
    if (!head->is_right) return "has a head or a key that does not match its checksum";
    progress_.add(larder::format::segment_record::header_size);
    if (!head->is_known) {
      ++later_[e.later];
      return std::nullopt;
    }
    const larder::format::segment_record r = head->record;
    const bool has_key = larder::format::is_value(r.kind);
    if (r.kind != record.entry.kind || r.id != record.entry.id) return "is another record than the footer says";
    if (has_key && larder::digest_of(head->key) != r.id) return "holds another key than its digest says";
    XXH3_state_t state{};
    XXH3_64bits_reset_withSeed(&state, r.id.low);
    const std::uint64_t begin = e.at.offset() + r.payload_offset;
    for (std::uint64_t done = 0; done < r.payload_size && !is_stopped();) {
      const auto part =
          window.read(begin + done, static_cast<std::size_t>(std::min<std::uint64_t>(piece, r.payload_size - done)));
      if (part.empty()) return "is cut off: its payload is not all there";
      XXH3_64bits_update(&state, part.data(), part.size());
      done += part.size();
      progress_.add(part.size());
    }
    if (!is_stopped() && XXH3_64bits_digest(&state) != r.payload_checksum)
      return "has a payload that does not match its checksum";
    return std::nullopt;
  }

  void check_entry(const inspected_segment& in, const inspected_record& record) {
    entry e;
    try {
      e = reader_.read(in, record);
      if (auto why = wrong_with(e, record)) {
        result_.damaged.push_back({e.title(), text_of_place(e.at), std::move(*why), e.at, e.info.id, e.key.value_or("")});
        return;
      }
    } catch (const storage::file_error& failure) {
      result_.unreadable.push_back(
          {e.key ? e.title() : "", text_of_place(in.place(record)), failure.what(), in.place(record), record.entry.id, {}});
      return;
    }
    if (e.file && e.later.empty()) files_[e.file->number].push_back(std::move(e));
  }
  void check_garbage(const inspected_segment& in, const inspected_record& record) {
    try {
      const entry e = reader_.read(in, record);
      if (const auto why = wrong_with(e, record))
        result_.damaged.push_back({"", text_of_place(e.at), *why + "; it is of no use any more, so nothing is lost", {}, {}, {}});
    } catch (const storage::file_error& failure) {
      result_.unreadable.push_back({"", text_of_place(in.place(record)), failure.what(), {}, {}, {}});
    }
  }

  /// `record` is one that refers to the file, and was found right.
  std::optional<std::string> wrong_with_file(const std::string& path, const file_reference& reference, const entry& record) {
    const storage::file_descriptor file = storage::open_file(path, O_RDONLY | O_NONBLOCK);
    if (!file && (errno == ENOENT || errno == ENOTDIR)) return "is not there";
    if (!file) storage::fail_file("open", path, errno);
    const storage::file_identity identity = storage::identify(file, path);
    if (!identity.regular) return "is no regular file";
    if (identity.size != reference.size)
      return "has " + std::to_string(identity.size) + " bytes, and " + std::to_string(reference.size) + " were written";
    ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    const std::vector<std::byte> payload = payload_of(record);
    const std::size_t before = larder::format::is_compressed(record.info.kind) ? larder::format::compressed_head::encoded_size : 0;
    const auto sums = larder::format::stored_checksums::find(std::span(payload).subspan(std::min(payload.size(), before)), reference);
    if (!sums) return "cannot be checked: the record that refers to it does not say how";
    larder::digest_stream content;
    std::vector<std::byte> part(*sums ? static_cast<std::size_t>(sums->chunk_size()) : piece);
    for (std::uint64_t done = 0; done < reference.size && !is_stopped();) {
      const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(part.size(), reference.size - done));
      if (storage::read_at(file, part.data(), wanted, done, path) != wanted) return "was cut while it was read";
      if (*sums && !sums->matches(done / part.size(), std::span(part).first(wanted)))
        return "does not match its checksum in bytes " + std::to_string(done) + " to " + std::to_string(done + wanted - 1);
      if (!*sums) content.update(part.data(), wanted);
      done += wanted;
      progress_.add(wanted);
    }
    if (!*sums && !is_stopped() && content.finish() != reference.content) return "does not match its checksum";
    return std::nullopt;
  }
  std::vector<std::byte> payload_of(const entry& of) {
    storage::segment_window& window = reader_.window(of.at.segment);
    const auto head = window.head(of.at.unit);
    if (!head) return {};
    return window.payload(of.at.unit, head->record).value_or(std::vector<std::byte>());
  }
  void check_file(std::uint64_t number, const std::vector<entry>& users) {
    const std::string name = "entries/" + storage::value_files::name_of(number);
    const auto note = [&](std::vector<damage>& where, const std::string& why) {
      for (const entry& e : users) where.push_back({e.title(), name, why, e.at, e.info.id, e.key.value_or("")});
    };
    try {
      if (const auto why = wrong_with_file(found_.path_of_value(number), *users.front().file, users.front())) note(result_.damaged, *why);
    } catch (const storage::file_error& failure) {
      note(result_.unreadable, failure.what());
    }
  }

  const segment_inspection& found_;
  const interruption& stop_;
  verified what_;
  byte_progress progress_;
  entry_reader reader_;
  verification result_;
  std::map<std::uint64_t, std::vector<entry>> files_;  // by number: who refers to it
  std::map<std::string, std::size_t> later_;
};

}  // namespace

verification verify_directory(const segment_inspection& found, bool in_use, verified what, bool quiet, const interruption& stop) {
  verification result = pass(found, quiet, stop, what).run();
  if (!in_use || result.damaged.empty()) return result;
  // What others let go of while it was read is not there any more, and that is no damage.
  const segment_inspection again(found.root(), true);
  std::unordered_set<std::uint64_t> places;
  std::unordered_set<std::uint32_t> segments;
  for (const inspected_segment& in : again.segments()) {
    segments.insert(in.number);
    for (const inspected_record& record : in.records)
      if (record.standing != record_standing::outdated && record.standing != record_standing::evicted &&
          record.standing != record_standing::erased)
        places.insert(in.place(record).word());
  }
  std::erase_if(result.damaged, [&](const damage& one) { return one.at && !places.contains(one.at->word()); });
  return result;
}

}  // namespace disk
