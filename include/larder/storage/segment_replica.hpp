#pragma once

#include <larder/core/concepts.hpp>
#include <larder/storage/disk_options.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/newest_records.hpp>
#include <larder/storage/recent_changes.hpp>
#include <larder/storage/record_handle.hpp>
#include <larder/storage/segment_folder.hpp>
#include <larder/storage/segment_opening.hpp>
#include <larder/storage/segment_reader.hpp>
#include <larder/storage/segment_table.hpp>
#include <larder/storage/shared_log.hpp>
#include <larder/storage/value_files.hpp>
#include <larder/storage/value_references.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder::storage {

/// What a process knows of a directory of segments: it finds everything that is there, follows the log, and reads. `segment_store` changes it.
class segment_replica {
 public:
  using handle = record_handle;

  /// Whether others changed something that `follow` has not told yet; without the lock.
  bool behind() const noexcept {
    const shared_log* const log = log_.load(std::memory_order_acquire);
    if (log == nullptr || (options_.read == read_mode::copy && !log->intact())) return false;
    return !log->ends_at(position_.load(std::memory_order_acquire));
  }
  /// Whether there was no room for a log, so that a put has to begin with `follow`.
  bool has_no_log() const noexcept { return log_.load(std::memory_order_acquire) == nullptr; }

  /// Everything that is there, in the order in which it was written, to `to`: once, under the lock, before anything else.
  template <class Visitor>
  void recover(Visitor&& to) {
    tell_everything(to);
  }
  /// What others changed since the last time, to `to`, under the lock: `put(id, handle, info)`, `erase(id)`, `evict(id, place)`, and
  /// `clear()` when everything is told anew. Throws `larder::error` when the system refuses; what was not told is told the next time.
  template <class Visitor>
  void follow(Visitor&& to) {
    for (;;) {
      if (stale_) {
        attach();
        to.clear();
        tell_everything(to);
      }
      if (log_.load(std::memory_order_relaxed) == nullptr) return;
      shared_log& log = *log_.load(std::memory_order_relaxed);
      shared_log::entry entry;
      const std::uint64_t position = position_.load(std::memory_order_relaxed);
      switch (log.read(position, entry)) {
        case shared_log::outlook::not_yet: remove_unreferenced(); return;
        case shared_log::outlook::lost: stale_ = true; break;
        case shared_log::outlook::found:
          if (entry.what == shared_log::change::retired) {
            stale_ = true;
            break;
          }
          apply(entry, to);
          position_.store(position + 1, std::memory_order_release);
      }
    }
  }

  /// The payload, in place unless `read_mode::copy`.
  fetched fetch(const digest& id, const bytes& key, handle& known) const {
    try {
      return reader_.fetch(id, key, known);
    } catch (const std::bad_alloc&) {
      core::fail(error_cause::io, "not enough memory to read \"" + folder_.path_of(known.place().segment) + "\"");
    }
  }
  /// The encoded key of an entry, copied; nothing when it is gone or damaged.
  std::optional<bytes> key_of(const handle& known) const {
    const std::shared_ptr<segment> in = table_.find(known.place().segment);
    if (in == nullptr) return std::nullopt;
    const std::span<const std::byte> from = in->from(known.place().unit);
    const auto record = format::decode_record(from, known.place());
    if (!record) return std::nullopt;
    return bytes::copy_of(format::record_key(from, *record));
  }

  /// When a record was written; nothing when it is gone.
  std::optional<instant> written_of(const handle& known) const {
    const std::optional<stored_record> found = head_of(known);
    return found ? std::optional<instant>(found->record.written) : std::nullopt;
  }
  /// The deadline of a record's own; none when it is gone or cannot be read.
  instant deadline_of(const handle& known) const noexcept {
    try {
      const std::optional<stored_record> found = head_of(known);
      return found ? found->record.expires : no_deadline;
    } catch (const std::exception&) {
      return no_deadline;
    }
  }

  /// The last use that any process remembered.
  std::optional<instant> use_of(const handle& known) const {
    const std::shared_ptr<segment> in = with_stamps(known.place().segment);
    return in == nullptr ? std::nullopt : in->use_of(known.place().unit);
  }

  std::shared_ptr<segment> find(std::uint32_t number) const { return table_.find(number); }
  /// The segment with the use stamps that it has by now; nothing where they are not looked at.
  std::shared_ptr<segment> with_stamps(std::uint32_t number) const { return options_.read == read_mode::copy ? nullptr : as_it_is(number); }
  /// The segment with the lowest number; nothing when there is none. Under the lock.
  std::shared_ptr<segment> oldest() const {
    std::shared_ptr<segment> first;
    table_.for_each([&](const std::shared_ptr<segment>& one) {
      if (first == nullptr) first = one;
    });
    return first;
  }
  std::size_t segments() const {
    std::size_t count = 0;
    table_.for_each([&](const std::shared_ptr<segment>&) { ++count; });
    return count;
  }
  /// The oldest segment that must go for the files to keep to the capacity (or, without one, because too much of the files is of no
  /// use any more); nothing when all is well. Under the lock.
  std::shared_ptr<segment> surplus() const {
    std::shared_ptr<segment> oldest;
    std::uint64_t in_segments = 0;
    std::uint64_t live = 0;
    const std::uint32_t active = active_segment();
    table_.for_each([&](const std::shared_ptr<segment>& one) {
      if (one->number == active) return;
      if (oldest == nullptr) oldest = one;
      in_segments += one->file_size;
      live += one->live_bytes;
    });
    if (oldest == nullptr) return nullptr;
    if (capacity_ && in_segments + references_.bytes() > *capacity_) return oldest;
    if (!capacity_ && in_segments > 2 * live + 4 * segment_size()) return oldest;
    return nullptr;
  }
  std::optional<format::file_reference> reference_of(const handle& known) const {
    const std::optional<stored_record> found = known.has_file() ? head_of(known) : std::nullopt;
    return found ? found->reference : std::nullopt;
  }

  /// Payload bytes that callers still hold of entries that have left.
  std::uint64_t pinned_bytes() const noexcept { return ledger_->bytes(); }
  /// Memory that the store itself takes; under the lock.
  std::uint64_t overhead_bytes() const {
    std::uint64_t sum = sizeof(*this) + files_.mappings() * (sizeof(mapped_value) + 64) + references_.memory();
    table_.for_each([&](const std::shared_ptr<segment>& one) { sum += one->memory(); });
    return sum;
  }

 protected:
  segment_replica(const std::filesystem::path& path, const mmap_disk_options& options, error_sink& sink, std::optional<std::uint64_t> capacity)
      : options_(options),
        segment_size_(choose_segment_size(options.segment_size, capacity)),
        capacity_(capacity),
        directory_(path, "mmap_disk", sink, segment_folder::format_version),
        folder_(directory_.file("entries")),
        ledger_(std::make_shared<pinned_ledger>()),
        files_(folder_.path(), ledger_, options.max_mappings),
        reader_(options_, directory_, table_, files_),
        opening_(directory_) {
    attach();
  }
  segment_replica(const segment_replica&) = delete;
  segment_replica& operator=(const segment_replica&) = delete;
  ~segment_replica() = default;

  /// Comes into the directory, or in again after it was lost: everything that this process knew of it is forgotten.
  void attach() {
    opened_segments opened = opening_.open(folder_, ledger_, segment_size(), logs_.empty());  // which may fail, and then all is as it was
    table_.for_each([&](const std::shared_ptr<segment>& one) { one->views().leave_all(); });
    table_.clear();
    references_.clear();
    recent_.clear();
    evicted_.clear();
    opened_ = std::move(opened);
    for (const std::shared_ptr<segment>& one : opened_.segments) table_.add(one);
    sealed_ = opened_.sealed;
    flushed_below_ = 0;
    unflushed_files_.clear();
    unreferenced_.clear();
    position_.store(opened_.position, std::memory_order_relaxed);
    // Those who look for others' changes do not lock: the log that they may look at stays.
    if (opened_.log != nullptr) {
      logs_.push_back(std::move(opened_.log));
      log_.store(logs_.back().get(), std::memory_order_release);
      told_until_ = logs_.back()->end();
      stale_ = false;
    } else {
      log_.store(nullptr, std::memory_order_release);
    }
  }

  std::optional<stored_record> head_of(const handle& known) const {
    const std::shared_ptr<segment> in = table_.find(known.place().segment);
    return in == nullptr ? std::nullopt : reader_.look_at(*in, known.place());
  }
  [[noreturn]] void refuse_changes() const {
    core::fail(error_cause::no_space, "there is no room for the journal of \"" + directory_.root() + "\", so nothing can be changed");
  }
  std::uint32_t active_segment() const noexcept {
    const shared_log* const log = log_.load(std::memory_order_relaxed);
    if (log == nullptr) return 0;
    const format::record_place active = format::record_place::of_word(log->active().load(std::memory_order_acquire));
    return active.unit == 0 ? 0 : active.segment;
  }
  /// What a new segment gets: chosen once, so that it needs no lock.
  std::uint64_t segment_size() const noexcept { return segment_size_; }
  static std::uint64_t choose_segment_size(std::uint64_t asked, std::optional<std::uint64_t> capacity) noexcept {
    constexpr std::uint64_t least = 128 * 1024;
    constexpr std::uint64_t most = 64 * 1024 * 1024;
    constexpr std::uint64_t most_asked = 1024 * 1024 * 1024;
    if (asked != 0) return std::clamp<std::uint64_t>(asked / 4096 * 4096, least / 2, most_asked);
    return std::clamp(std::bit_floor(capacity.value_or(32 * 1024 * 1024) / 32), least, most);
  }

  template <class Visitor>
  void apply(const shared_log::entry& entry, Visitor& to) {
    switch (entry.what) {
      case shared_log::change::record: return apply_record(entry.place, to);
      case shared_log::change::evicted:
        if (const std::shared_ptr<segment> in = known_segment(entry.place.segment); in != nullptr)
          if (const auto record = format::peek_record(in->from(entry.place.unit), entry.place)) to.evict(record->id, entry.place);
        return;
      case shared_log::change::sealed: sealed_ = std::max(sealed_, entry.place.segment); return;
      case shared_log::change::dropped:
        table_.for_each([&](const std::shared_ptr<segment>& one) {
          if (one->number < entry.place.segment) forget_segment(one, to);
        });
        sealed_ = std::max(sealed_, entry.place.segment - 1);
        log_.load(std::memory_order_relaxed)->raise_oldest(entry.place.segment);
        return;
      case shared_log::change::removed:
        if (const std::shared_ptr<segment> one = table_.find(entry.place.segment); one != nullptr) forget_segment(one, to);
        return;
      case shared_log::change::retired: return;
    }
  }
  /// Whoever has seen the end of the log knows that nobody refers to them, and that nobody will.
  void remove_unreferenced() {
    for (const std::uint64_t number : unreferenced_)
      if (!references_.contains(number)) ::unlink(files_.path_of(number).c_str());
    unreferenced_.clear();
  }
  /// A segment with the footer that it may have got since it was mapped.
  std::shared_ptr<segment> as_it_is(std::uint32_t number) const {
    std::shared_ptr<segment> known = table_.find(number);
    if (known == nullptr || known->footer) return known;
    std::shared_ptr<segment> sealed = folder_.map(number, 0, ledger_);
    return sealed != nullptr && sealed->footer ? sealed : known;
  }
  std::shared_ptr<segment> known_segment(std::uint32_t number) {
    if (std::shared_ptr<segment> known = table_.find(number); known != nullptr) return known;
    if (number < log_.load(std::memory_order_relaxed)->oldest()) return nullptr;
    std::shared_ptr<segment> fresh = folder_.map(number, segment_size(), ledger_);
    if (fresh != nullptr) table_.add(fresh);
    return fresh;
  }


  const mmap_disk_options options_;
  const std::uint64_t segment_size_;
  std::optional<std::uint64_t> capacity_;
  entry_directory directory_;
  segment_folder folder_;
  std::shared_ptr<pinned_ledger> ledger_;
  segment_table table_;
  value_files files_;
  segment_reader reader_;
  segment_opening opening_;
  std::atomic<shared_log*> log_{nullptr};
  std::atomic<std::uint64_t> position_{0};  // up to where the index knows of the log
  std::uint32_t sealed_ = 0;                // nothing more comes into segments up to this one
  std::uint32_t flushed_below_ = 0;         // segments that the device has
  std::uint64_t told_until_ = 0;            // what was published up to this position may have been found in the segments
  bool stale_ = false;                      // everything is to be looked at anew
  recent_changes recent_;
  value_references references_;
  std::vector<std::uint64_t> evicted_;          // places that no record lists yet
  std::vector<std::uint64_t> lost_keys_;        // whose newest record is damaged, which no record says yet
  std::vector<std::uint64_t> unreferenced_;     // files that no entry refers to, as far as this process has seen
  std::vector<std::uint64_t> unflushed_files_;  // that the device may not have

 private:
  /// Of each key what its newest record says, oldest first. Memory is asked for some records ahead: every key lies elsewhere.
  template <class Visitor>
  void tell_everything(Visitor& to) {
    constexpr std::size_t ahead = 16;
    std::vector<std::shared_ptr<segment>> all;
    std::size_t records = 0;
    table_.for_each([&](const std::shared_ptr<segment>& one) {
      all.push_back(one);
      records += one->size();
    });
    std::vector<std::vector<bool>> live(all.size());
    std::size_t count = 0;
    {
      newest_records newest(records);
      for (std::size_t s = all.size(); s-- != 0;) {
        const segment& in = *all[s];
        live[s].resize(in.size());
        for (std::size_t i = in.size(); i-- != 0;) {
          if (i >= ahead) newest.prefetch(in.key(i - ahead));
          live[s][i] = counts(in, i, newest);
          count += live[s][i] ? 1 : 0;
        }
      }
    }
    if constexpr (requires { to.expect(count); }) to.expect(count);
    for (std::size_t s = 0; s < all.size(); ++s)
      for (std::size_t i = 0; i < live[s].size(); ++i) {
        if constexpr (requires { to.coming(std::uint64_t{}); })
          if (i + ahead < live[s].size()) to.coming(all[s]->key(i + ahead));
        if (live[s][i]) tell_found(all[s], i, to);
      }
    for (const auto& [key, sequence] : opened_.damaged) lost_keys_.push_back(key);
    if (opened_.alone)
      for (const std::uint64_t file : opened_.files)
        if (!references_.contains(file)) ::unlink(files_.path_of(file).c_str());  // its writer was killed
    opened_ = {};
  }
  /// Whether the i-th record of a segment is what its key has; asked from the newest record to the oldest.
  bool counts(const segment& in, std::size_t i, newest_records& newest) {
    const format::footer_entry entry = in.entry(i);
    if (entry.kind == format::record_kind::evicted) {
      read_evictions(in, entry.unit);
      return false;
    }
    if (entry.id == digest{} || !newest.is_first(entry.id.low)) return false;
    if (!opened_.damaged.empty()) {
      const auto damage = opened_.damaged.find(entry.id.low);
      if (damage != opened_.damaged.end()) {
        if (entry.sequence < damage->second) return false;
        opened_.damaged.erase(damage);  // there is a newer one
      }
    }
    if (entry.kind == format::record_kind::erased) return false;
    const format::record_place at = in.place(entry.unit);
    const bool evicted = !opened_.evicted.empty() && opened_.evicted.contains(at.word());
    if (evicted && !opened_.listed.contains(at.word())) remember_evicted(entry.id, at);
    const std::uint64_t use = in.use(i);
    return !evicted && !(use != 0 && format::use_stamp::is_erased(use, at));
  }
  /// What the log that was there said of an eviction is for the new one to say, until a record does.
  void remember_evicted(const digest& id, format::record_place at) {
    shared_log* const log = log_.load(std::memory_order_relaxed);
    if (!opened_.alone || log == nullptr) return;
    const std::uint64_t position = position_.load(std::memory_order_relaxed);
    if (log->append_at_end(position, {shared_log::change::evicted, at}, id.low) == position) position_.store(position + 1, std::memory_order_release);
    evicted_.push_back(at.word());
  }
  template <class Visitor>
  void tell_found(const std::shared_ptr<segment>& in, std::size_t i, Visitor& to) {
    const format::footer_entry entry = in->entry(i);
    const format::record_place at{in->number, entry.unit};
    const bool has_file = format::has_file(entry.kind);
    if (has_file) {
      const std::optional<stored_record> found = reader_.look_at(*in, at);
      if (!found || !found->reference || !std::binary_search(opened_.files.begin(), opened_.files.end(), found->reference->number)) return;
      references_.add(*found->reference);
      unflushed_files_.push_back(found->reference->number);
    }
    in->live_bytes += format::segment_record::round_up((has_file ? format::file_reference::encoded_size : entry.weight) +
                                                           format::segment_record::header_size, format::record_place::unit_size);
    stored_info info{entry.weight, entry.written, entry.written, entry.expires, entry.uncompressed};
    if (const std::uint64_t use = in->use(i); use != 0)
      if (const auto used = format::use_stamp::decode(use, at); used && *used > info.accessed) info.accessed = *used;
    to.put(entry.id, handle(at, has_file, entry.expires != no_deadline), info);
  }
  void read_evictions(const segment& in, std::uint32_t unit) {
    const std::span<const std::byte> from = in.from(unit);
    const auto record = format::decode_record(from, {in.number, unit});
    if (!record || !format::payload_matches(from, *record)) return;
    const std::span<const std::byte> list = format::record_payload(from, *record);
    for (std::size_t i = 0; i + 8 <= list.size(); i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, list.data() + i, 8);
      opened_.evicted.insert(word);
      opened_.listed.insert(word);
    }
  }

  template <class Visitor>
  void apply_record(format::record_place at, Visitor& to) {
    const std::shared_ptr<segment> in = known_segment(at.segment);
    if (in == nullptr) return;  // it was dropped later on
    // What was published while this process came in may have been found by it already.
    if (position_.load(std::memory_order_relaxed) < told_until_ && in->knows(at.unit)) return;
    const std::optional<format::segment_record> record = format::decode_record(in->from(at.unit), at);
    const std::uint64_t weight = record ? in->weight_of(*record, at.unit) : 0;
    const std::uint64_t uncompressed = record ? in->uncompressed_size_of(*record, at.unit) : 0;
    if (!in->footer) in->add(record ? format::footer_entry::of(*record, at.unit, weight, uncompressed) : in->entry_at(at.unit));
    if (!record) return;
    recent_.add(position_.load(std::memory_order_relaxed), record->id.low);
    switch (record->kind) {
      case format::record_kind::erased: to.erase(record->id); return;
      case format::record_kind::evicted: return;
      case format::record_kind::value:
      case format::record_kind::compressed: break;
      case format::record_kind::value_file:
      case format::record_kind::compressed_file: {
        const auto reference = format::file_reference::decode(format::record_content(in->from(at.unit), *record));
        if (!reference) return;
        references_.add(*reference);
        unflushed_files_.push_back(reference->number);
      }
    }
    in->live_bytes += record->size();
    stored_info info = format::info_of(*record, weight, uncompressed);
    if (const auto used = in->use_of(at.unit)) info.accessed = std::max(info.accessed, *used);  // of one that was written anew
    to.put(record->id, handle(at, format::has_file(record->kind), record->expires != no_deadline), info);
  }
  template <class Visitor>
  void forget_segment(const std::shared_ptr<segment>& one, Visitor& to) {
    for (std::size_t i = 0; i < one->size(); ++i) {
      const format::footer_entry entry = one->entry(i);
      if (format::is_value(entry.kind))
        to.evict(entry.id, format::record_place{one->number, entry.unit});
    }
    one->views().leave_all();
    ::unlink(one->path.c_str());
    table_.remove(one->number);
  }

  opened_segments opened_;
  std::vector<std::unique_ptr<shared_log>> logs_;  // the old ones too: somebody may be looking at them without the lock
};

}  // namespace larder::storage
