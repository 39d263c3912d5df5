#pragma once

// What is in a directory of `mmap_disk`, for who only looks: nothing is written, mapped or locked, so it works beside any number of
// processes, and where one may not write. The rules are those of docs/disk_format.md, "Finding the entries".
//
// Cost: the footers, after a crash the segments without one, the log, and the records that say where values' files are; some 100 bytes of memory
// per record. What an entry's own bytes are is not looked at: `segment_window` reads them.

#include <larder/storage/newest_records.hpp>
#include <larder/storage/segment_directory_check.hpp>
#include <larder/storage/segment_folder.hpp>
#include <larder/storage/segment_scan.hpp>
#include <larder/storage/segment_window.hpp>
#include <larder/storage/shared_log.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace larder::storage {

/// What a published record is to those who open the directory.
enum class record_standing : std::uint8_t {
  live,          ///< what its key has
  outdated,      ///< there is a newer record of its key
  mark,          ///< says that keys have no value any more: erased, or evicted
  evicted,       ///< what its key had, until it was evicted
  erased,        ///< what its key had, until it was erased where it lies
  file_missing,  ///< what its key had; its value's file is not there
  unreadable,    ///< its head could not be read when the segment was sealed
  later,         ///< of a later version, or what it refers to is
};

struct inspected_record {
  static constexpr std::uint32_t no_reference = UINT32_MAX;

  format::footer_entry entry;              ///< id, place, kind, size of the value, sequence, times
  std::uint64_t use = 0;                   ///< the stamp
  std::uint32_t reference = no_reference;  ///< into `segment_inspection::references`
  record_standing standing = record_standing::unreadable;
};

struct inspected_segment {
  std::uint32_t number = 0;
  std::uint64_t file_size = 0;
  std::uint64_t records_end = 0;  ///< as far as it is known
  segment_window::ending ends = segment_window::ending::none;
  bool is_active = false;                 ///< takes records
  std::vector<inspected_record> records;  ///< in the order of their publication

  format::record_place place(const inspected_record& record) const noexcept { return {number, record.entry.unit}; }
};

struct inspected_log {
  std::uint64_t slots = 0;
  std::uint64_t end = 0;       ///< how many changes it has seen
  std::uint64_t sequence = 0;  ///< of its end
  format::record_place active;
  std::uint32_t oldest = 0;
};

class segment_inspection {
 public:
  /// Told how far the look is: so many of so many steps. What it throws ends the look and reaches the caller.
  using look_progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

  /// Looks at everything. `in_use`: other processes may have the directory open; then what they have published counts, and nothing else.
  /// Throws `larder::error` when it is no directory of `mmap_disk`, of another version, or cannot be read.
  segment_inspection(const std::filesystem::path& directory, bool in_use, const look_progress& progress = {})
      : root_(without_slash(directory.string())),
        in_use_(in_use),
        folder_(root_ + "/entries"),
        has_marker_(check_segment_directory(root_)) {
    constexpr int tries = 16;  // others may remove what was just listed
    for (int i = 0; i < tries; ++i) {
      const bool is_complete = look(progress);
      if (judge(progress) && is_complete) break;
    }
  }

  const std::string& root() const noexcept { return root_; }
  std::string path_of_segment(std::uint32_t number) const { return folder_.path_of(number); }
  std::string path_of_value(std::uint64_t number) const { return root_ + "/entries/" + value_files::name_of(number); }

  /// Whether the marker is there and whole; without one it is a directory by its names alone.
  bool has_marker() const noexcept { return has_marker_; }
  const std::optional<inspected_log>& log() const noexcept { return log_; }
  /// By number.
  const std::vector<inspected_segment>& segments() const noexcept { return segments_; }
  /// What the records of large values say.
  const std::vector<format::file_reference>& references() const noexcept { return references_; }
  /// The numbers of the values' files that are there, in order.
  const std::vector<std::uint64_t>& value_numbers() const noexcept { return values_; }

  /// A record that the log says is published and that is not whole: nobody knows its key, and what the key had before does not count.
  struct lost_record {
    format::record_place at;
    std::uint64_t tag = 0;  ///< the low half of its key's digest
  };
  const std::vector<lost_record>& lost() const noexcept { return lost_; }
  /// Segments that the log names records of and that are not there.
  const std::vector<std::uint32_t>& missing_segments() const noexcept { return missing_; }

  /// f(segment, record) for each entry that who opens the directory finds, in the order of publication.
  template <class F>
  void for_each_live(F&& f) const {
    for (const inspected_segment& one : segments_)
      for (const inspected_record& record : one.records)
        if (record.standing == record_standing::live) f(one, record);
  }

 private:
  static std::string without_slash(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
  }

  /// Reads what there is; false when others removed some of it meanwhile, so that it is to be read again.
  bool look(const look_progress& progress) {
    segments_.clear();
    published_.clear();
    evicted_.clear();
    lost_.clear();
    missing_.clear();
    damaged_.clear();
    log_.reset();
    std::optional<shared_log> log = shared_log::open(root_ + "/journal", true);
    const std::uint64_t end = log ? log->end() : 0;
    if (log) read_log(*log, end > log->slots() ? end - log->slots() : 0, end);
    const bool follows = log && in_use_;
    const segment_folder::listing listing = folder_.list();
    values_ = listing.values;
    last_sequence_ = 0;
    oldest_ = follows ? log->oldest() : 0;
    std::vector<std::pair<std::uint32_t, segment_window>> unsealed;  // open, so that they can be read when they are gone
    std::size_t read = 0;
    for (const std::uint32_t number : listing.segments) {
      if (progress) progress(read++, 2 * listing.segments.size());  // each is read, and judged
      if (number >= oldest_) read_segment(number, unsealed);
    }
    bool is_same = true;
    std::uint64_t seen = end;
    while (follows && is_same) {  // what came meanwhile; it becomes less each time
      const std::uint64_t now = log->end();
      is_same = read_log(*log, seen, now) && log->intact();
      seen = now;
      bool is_complete = true;
      for (const auto& [number, units] : published_)
        if (number >= oldest_ && !read_segment(number, unsealed)) is_complete = false;
      if (is_complete) break;
      is_same = is_same && log->end() != seen;  // it was dropped, or never there
    }
    if (follows) values_ = folder_.list().values;
    std::erase_if(segments_, [&](const inspected_segment& one) { return one.number < oldest_; });
    std::sort(segments_.begin(), segments_.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
    for (auto& [number, window] : unsealed)
      if (inspected_segment* const one = find(number)) find_records(*one, window, follows ? &*log : nullptr);
    if (log) note_log(*log, follows);
    return !in_use_ || is_same;
  }

  inspected_segment* find(std::uint32_t number) {
    const auto found = std::find_if(segments_.begin(), segments_.end(), [&](const inspected_segment& one) { return one.number == number; });
    return found == segments_.end() ? nullptr : &*found;
  }
  /// Reads what a segment's footer says, unless it is known already; false when the file is not there.
  bool read_segment(std::uint32_t number, std::vector<std::pair<std::uint32_t, segment_window>>& unsealed) {
    if (find(number) != nullptr) return true;
    segment_window window(folder_.path_of(number), number);
    if (!window) return false;
    if (window.size() == 0) return true;
    inspected_segment one;
    one.number = number;
    one.file_size = window.size();
    const auto [footer, ends] = window.footer();
    one.ends = ends;
    if (footer) {
      one.records_end = footer->records_end();
      one.records.reserve(footer->size());
      for (std::size_t i = 0; i < footer->size(); ++i) add(one, {(*footer)[i], footer->use(i)});
    } else {
      unsealed.emplace_back(number, std::move(window));
    }
    segments_.push_back(std::move(one));
    return true;
  }

  void add(inspected_segment& to, const inspected_record& record) {
    last_sequence_ = std::max(last_sequence_, record.entry.sequence);
    to.records.push_back(record);
  }

  /// Reads a part of the log; false when it cannot be followed.
  bool read_log(const shared_log& log, std::uint64_t from, std::uint64_t to) {
    bool is_same = true;
    for (std::uint64_t position = from; position < to; ++position) {
      shared_log::entry entry;
      if (log.read(position, entry) != shared_log::outlook::found) {
        is_same = false;
        continue;
      }
      switch (entry.what) {
        case shared_log::change::record:
          published_[entry.place.segment].insert_or_assign(entry.place.unit, position);
          break;
        case shared_log::change::evicted:
          evicted_.insert(entry.place.word());
          break;
        case shared_log::change::sealed:
          break;
        case shared_log::change::dropped:
          std::erase_if(published_, [&](const auto& one) { return one.first < entry.place.segment; });
          oldest_ = std::max(oldest_, entry.place.segment);
          break;
        case shared_log::change::removed:
          published_.erase(entry.place.segment);
          is_same = false;
          break;
        case shared_log::change::retired:
          is_same = false;
          break;
      }
    }
    return is_same;
  }

  /// The records of a segment without a footer: of the one that others write into what the log says, else what is whole.
  void find_records(inspected_segment& one, segment_window& window, const shared_log* follows) {
    window.forget();
    std::vector<std::uint32_t> units;
    const bool is_active = follows != nullptr &&
                           format::record_place::of_word(follows->active().load(std::memory_order_acquire)).segment == one.number;
    std::uint64_t scanned = one.file_size;
    if (is_active) scanned = follows->begin().segment == one.number ? follows->begin().offset() : 0;
    if (scanned != 0) {
      const std::span<const std::byte> content = window.read(0, static_cast<std::size_t>(scanned));
      scanned_records found = scan_records(content, one.number, segment_folder::first_record, content.size());
      units = std::move(found.units);
      one.records_end = found.end;
    }
    if (is_active && published_.contains(one.number)) append_in_order(units, published_.at(one.number));
    for (const std::uint32_t unit : units) {
      inspected_record record;
      record.entry.unit = unit;
      if (const std::optional<record_head> head = window.head(unit); head && head->is_right) {
        const format::segment_record& r = head->record;
        record.entry = {r.id, unit, r.kind, r.payload_size, r.sequence, r.written, r.expires};
        record.use = head->use;
        one.records_end = std::max(one.records_end, one.place(record).offset() + r.size());
        if (format::is_compressed(r.kind) || format::has_file(r.kind))
          if (const auto payload = window.payload(unit, r)) {
            if (const auto reference = reference_in(r.kind, *payload)) record.entry.weight = reference->size;
            if (format::is_compressed(r.kind))
              if (const auto form = format::compressed_head::decode(*payload)) record.entry.uncompressed = form->size;
          }
      }
      add(one, record);
    }
  }

  /// What the log says beyond the segments; it is not believed when it is older than they are, as after a power cut.
  void note_log(shared_log& log, bool follows) {
    const std::uint64_t end = log.end();
    const auto active = format::record_place::of_word(log.active().load(std::memory_order_acquire));
    const bool is_outdated = !follows && last_sequence_ > log.sequence_at(end);
    if (is_outdated) {
      evicted_.clear();
      published_.clear();
    }
    log_ = {log.slots(), end, log.sequence_at(end), active, log.oldest()};
    for (inspected_segment& one : segments_) {
      one.is_active =
          !is_outdated && one.ends == segment_window::ending::none && active.unit != 0 && one.number == active.segment;
      const auto published = published_.find(one.number);
      if (published == published_.end() || one.ends == segment_window::ending::footer || follows) continue;
      std::unordered_set<std::uint32_t> whole;
      for (const inspected_record& record : one.records) whole.insert(record.entry.unit);
      segment_window window(folder_.path_of(one.number), one.number);
      for (const auto& [unit, position] : published->second) {
        if (whole.contains(unit)) continue;
        if (const auto head = window.head(unit); head && head->is_right && !head->is_known) continue;
        std::uint64_t& below = damaged_[log.tag(position)];
        below = std::max(below, log.sequence_at(position) + 1);
        lost_.push_back({{one.number, unit}, log.tag(position)});
      }
    }
    for (const auto& [number, units] : published_)
      if (number >= std::max(oldest_, log.oldest()) && find(number) == nullptr) missing_.push_back(number);
    std::sort(missing_.begin(), missing_.end());
    std::sort(lost_.begin(), lost_.end(), [](const lost_record& a, const lost_record& b) { return a.at.word() < b.at.word(); });
  }

  /// Says of each record what it is, from the newest to the oldest.
  bool judge(const look_progress& progress) {
    bool is_complete = true;
    references_.clear();
    std::size_t count = 0;
    for (const inspected_segment& one : segments_) count += one.records.size();
    newest_records newest(count);
    for (std::size_t s = segments_.size(); s-- != 0;) {
      inspected_segment& one = segments_[s];
      if (progress) progress(2 * segments_.size() - s - 1, 2 * segments_.size());
      segment_window window(folder_.path_of(one.number), one.number);
      is_complete = is_complete && window;
      for (std::size_t i = one.records.size(); i-- != 0;)
        one.records[i].standing = standing_of(one, one.records[i], window, newest);
    }
    std::erase_if(lost_, [&](const lost_record& one) { return !damaged_.contains(one.tag); });  // there is a newer one of the key
    damaged_.clear();
    evicted_.clear();
    published_.clear();
    return !in_use_ || is_complete;
  }
  /// The file that a payload refers to, or its beginning: behind what a compressed value begins with.
  static std::optional<format::file_reference> reference_in(format::record_kind kind, std::span<const std::byte> payload) {
    const std::size_t before = format::is_compressed(kind) ? format::compressed_head::encoded_size : 0;
    if (!format::has_file(kind) || payload.size() < before) return std::nullopt;
    return format::file_reference::decode(payload.subspan(before));
  }
  record_standing standing_of(const inspected_segment& in, inspected_record& record, segment_window& window,
                              newest_records& newest) {
    const format::footer_entry& entry = record.entry;
    const format::record_place at = in.place(record);
    if (entry.kind == format::record_kind::evicted) {
      const auto head = window.head(entry.unit);
      const auto list = head && head->is_right ? window.payload(entry.unit, head->record) : std::nullopt;
      if (list) format::for_each_evicted(*list, [&](std::uint64_t place) { evicted_.insert(place); });
      return record_standing::mark;
    }
    if (entry.id == digest{}) return record_standing::unreadable;
    if (!newest.is_first(entry.id.low)) return record_standing::outdated;
    if (const auto damage = damaged_.find(entry.id.low); damage != damaged_.end()) {
      if (entry.sequence < damage->second) return record_standing::outdated;
      damaged_.erase(damage);
    }
    if (entry.kind == format::record_kind::erased) return record_standing::mark;
    if (format::use_stamp::is_erased(record.use, at)) return record_standing::erased;
    if (evicted_.contains(at.word())) return record_standing::evicted;
    if (!format::is_value(entry.kind)) return record_standing::later;
    if (!format::has_file(entry.kind)) return record_standing::live;
    // Believed as it is, like everybody does: whether it is right is for its reader to say.
    const auto head = window.head(entry.unit);
    constexpr std::uint64_t most = format::compressed_head::encoded_size + format::file_reference::encoded_size;
    if (!head || head->record.kind != entry.kind) return record_standing::unreadable;
    const auto reference = reference_in(entry.kind, window.read(at.offset() + head->record.payload_offset,
                                                                static_cast<std::size_t>(std::min(most, head->record.payload_size))));
    if (!reference) return record_standing::unreadable;
    record.reference = static_cast<std::uint32_t>(references_.size());
    references_.push_back(*reference);
    return std::binary_search(values_.begin(), values_.end(), reference->number) ? record_standing::live
                                                                                 : record_standing::file_missing;
  }

  std::string root_;
  bool in_use_;
  segment_folder folder_;
  bool has_marker_;
  std::optional<inspected_log> log_;
  std::vector<inspected_segment> segments_;
  std::vector<format::file_reference> references_;
  std::vector<std::uint64_t> values_;
  std::vector<lost_record> lost_;
  std::vector<std::uint32_t> missing_;

  // While it looks:
  std::unordered_map<std::uint32_t, publications> published_;
  std::unordered_set<std::uint64_t> evicted_;
  std::unordered_map<std::uint64_t, std::uint64_t> damaged_;  // by tag: the sequence below which records of the key do not count
  std::uint64_t last_sequence_ = 0;
  std::uint32_t oldest_ = 0;  // what lies below it does not count
};

}  // namespace larder::storage
