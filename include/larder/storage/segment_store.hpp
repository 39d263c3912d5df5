#pragma once

#include <larder/core/concepts.hpp>
#include <larder/format/chunk_checksums.hpp>
#include <larder/storage/segment_replica.hpp>
#include <larder/storage/segment_writer.hpp>
#include <larder/sync/process_mutex.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder::storage {

/// The live part of `mmap_disk`; see `logged_store`. What is said there of the index is done by `logged_index`.
class segment_store : public segment_replica {
 public:
  using staged = staged_record;
  using guard = sync::process_mutex::guard;
  static constexpr std::uint64_t record_overhead = format::segment_record::header_size;  ///< at least, beside key and payload

  /// Opens the directory and makes what is missing of it; `capacity` in bytes where there is one. Throws `larder::error` when it cannot be
  /// used or holds something else.
  segment_store(const std::filesystem::path& path, const mmap_disk_options& options, error_sink& sink, std::optional<std::uint64_t> capacity)
      : segment_replica(path, options, sink, capacity) {}
  segment_store(const segment_store&) = delete;
  segment_store& operator=(const segment_store&) = delete;
  ~segment_store() {
    if (threads_.is_inherited()) return;
    try {
      const guard held = threads_.lock();
      finish();
    } catch (const std::exception&) {  // the next one to open it looks at the records themselves
    }
  }

  /// Excludes the other threads of this process from changes; other processes are never waited for.
  guard lock() {
    guard held = threads_.lock();
    if (const unsigned generation = threads_.generation(); generation != generation_) [[unlikely]] {
      generation_ = generation;
      writer_.close();
      stale_ = !opening_.join() || stale_;
    }
    if (shared_log* const log = log_.load(std::memory_order_relaxed); log == nullptr || !is_intact(*log)) stale_ = true;
    return held;
  }
  /// Whether the failure that is being handled is the device's want of room, which dropping something may help.
  static bool is_full_device() noexcept {
    try {
      throw;  // its type tells, also where there is no run-time type information
    } catch (const file_error& e) {
      return e.number() == ENOSPC || e.number() == EDQUOT;
    } catch (...) {
      return false;
    }
  }
  /// Writes all of an entry where nobody finds it. Throws `larder::error`, `no_space` when the device is full.
  staged stage(const stored_entry& entry) {
    staged result = described(entry);
    if (entry.payload.size() >= file_from()) {
      result.value = entry.payload.slice(result.head_size());
      put_into_file(result, result.value);
    }
    write(result);
    return result;
  }
  /// A record that says that the key has no value any more.
  staged stage_erasure(const digest& id) {
    staged result(threads_.current());
    result.record.kind = format::record_kind::erased;
    result.record.id = id;
    write(result);
    return result;
  }
  /// A copy of a record that is still to be written (`write`); the same value and times. Throws `larder::error` when it is damaged.
  staged copy_of(const handle& known) const {
    const std::shared_ptr<segment> in = table_.find(known.place().segment);
    const std::span<const std::byte> from = in == nullptr ? std::span<const std::byte>() : in->from(known.place().unit);
    const auto record = format::decode_record(from, known.place());
    if (!record || !format::payload_matches(from, *record))
      core::fail(error_cause::corruption, "a record of \"" + folder_.path_of(known.place().segment) + "\" is damaged");
    staged result(threads_.current());
    result.record = *record;
    result.key = bytes::copy_of(format::record_key(from, *record));
    result.payload = bytes::copy_of(format::record_payload(from, *record));
    if (format::has_file(record->kind)) result.reference = format::file_reference::decode(format::record_content(from, *record));
    return result;
  }
  /// Writes it where nobody finds it. Throws `larder::error`, `no_space` when the device is full.
  void write(staged& made) {
    shared_log& log = log_to_change();
    made.prepare(log, position_.load(std::memory_order_acquire));
    writer_.write(made, log, segment_size());
  }

  /// How the index knows a staged record that is about to be published.
  handle handle_of(staged& made) {
    if (is_outdated(made)) restage(made);  // before anybody may look at it where it is
    known_segment(made.at.segment);
    return handle(made.at, made.reference.has_value(), made.record.expires != no_deadline);
  }
  /// Makes a staged record what its key has, when nobody changed anything since the last `follow`; nothing otherwise. Under the lock.
  std::optional<handle> publish(staged& made) {
    shared_log& log = *log_.load(std::memory_order_relaxed);
    const std::uint64_t position = position_.load(std::memory_order_relaxed);
    if (is_outdated(made)) {
      restage(made);
    } else if (recent_.may_have_changed(made.record.id.low, made.position)) {
      made.position = position;
      made.record.sequence = log.sequence_at(position);
      segment_writer::write_head(made, folder_.path_of(made.at.segment));
    }
    if (made.record.used != instant{0})
      if (const std::shared_ptr<segment> in = known_segment(made.at.segment)) mark_used(*in, *made.file);
    if (!log.append(position, {shared_log::change::record, made.at}, made.record.id.low)) return std::nullopt;
    const handle known(made.at, made.reference.has_value(), made.record.expires != no_deadline);
    note_published(made, position);
    if (made.reference && !made.wrote_file.empty()) unflushed_files_.push_back(made.reference->number);
    made.keep();
    return known;
  }

  /// Tells the others that the order let this entry go. Under the lock; the index has let it go already.
  void evict(std::uint64_t key, const handle& known) {
    if (log_.load(std::memory_order_relaxed) == nullptr) return;
    shared_log& log = *log_.load(std::memory_order_relaxed);
    const std::uint64_t position = position_.load(std::memory_order_relaxed);
    if (log.append_at_end(position, {shared_log::change::evicted, known.place()}, key) == position)
      position_.store(position + 1, std::memory_order_release);
    evicted_.push_back(known.place().word());
    if (evicted_.size() >= 64) remember_evictions();
  }
  /// Erases a record where it lies, which needs no room: for a device that has none for a record that says so. Under the lock.
  void erase_in_place(const digest& id, const handle& known) {
    const std::shared_ptr<segment> in = as_it_is(known.place().segment);
    if (in == nullptr) return;
    const file_descriptor file = open_file(in->path, O_RDWR);
    if (!file) fail_file("open", in->path, errno);
    const std::uint64_t offset = in->use_offset(known.place().unit);
    if (offset + 8 > identify(file, in->path).size) return;
    // Through a mapping, as a write would ask whether the file may grow.
    constexpr std::uint64_t page = 4096;
    void* const mapped = ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), static_cast<off_t>(offset / page * page));
    if (mapped == MAP_FAILED) fail_file("map", in->path, errno);
    const std::uint64_t stamp = format::use_stamp::erased(known.place());
    std::memcpy(static_cast<std::byte*>(mapped) + offset % page, &stamp, sizeof stamp);
    ::munmap(mapped, 2 * page);
    mark_used(*in, file);
    flushed_below_ = std::min(flushed_below_, in->number);
    if (shared_log* const log = log_.load(std::memory_order_relaxed); log != nullptr)
      log->append_at_end(position_.load(std::memory_order_relaxed), {shared_log::change::evicted, known.place()}, id.low);
  }
  /// Says of keys whose newest record was found damaged that they have no value, so that nobody takes an older one for it. Under the lock.
  bool has_losses() const noexcept { return !lost_keys_.empty() && log_.load(std::memory_order_relaxed) != nullptr; }
  void remember_losses() {
    while (!lost_keys_.empty()) {
      if (recent_.may_have_changed(lost_keys_.back(), told_until_)) {  // somebody put it anew
        lost_keys_.pop_back();
        continue;
      }
      staged mark = stage_erasure({lost_keys_.back(), 0});  // the other half of the digest is lost; this one is what counts
      if (!publish(mark)) return;                           // after the next `follow`
      lost_keys_.pop_back();
    }
  }
  /// An entry of the index has left, or has a new record: what only it referred to goes. Under the lock.
  void release(const handle& known) {
    const format::record_place at = known.place();
    const std::shared_ptr<segment> in = table_.find(at.segment);
    if (in == nullptr) return;
    if (!known.has_file()) in->views().leave(at.unit);
    const std::optional<stored_record> found = reader_.look_at(*in, at);
    if (!found) return;
    table_.drop_live(*in, found->record.size());
    if (known.has_file() && found->reference) drop_reference(found->reference->number);
  }

  void set_capacity(std::uint64_t bytes) noexcept { capacity_ = bytes; }

  /// What a full segment still needs: its footer. Under the lock.
  void tidy() {
    if (!unreferenced_.empty() && !behind()) remove_unreferenced();
    if (!writer_.has_sealed()) return;
    for (const segment_writer::sealed_segment& one : writer_.take_sealed()) {
      const std::shared_ptr<segment> found = table_.find(one.number);
      if (found == nullptr || found->footer) continue;
      if (one.number > sealed_) {  // what was published in it before is not all known yet
        writer_.put_back(one);
        continue;
      }
      try {
        folder_.seal(*found, one.records_end);
        if (std::shared_ptr<segment> again = folder_.map(one.number, 0, ledger_); again != nullptr && again->footer) table_.now_sealed(*found, std::move(again));
      } catch (const error&) {  // without one it is read when it is opened the next time
      }
    }
  }

  /// Remembers a use across restarts.
  void touch(const digest&, const handle& known, instant now) {
    const std::shared_ptr<segment> in = as_it_is(known.place().segment);
    if (in == nullptr) return;
    const std::uint64_t stamp = format::use_stamp::encode(now, known.place());
    const file_descriptor file = open_file(in->path, O_WRONLY);
    if (!file && errno == ENOENT) return;
    if (!file) fail_file("remember a use in", in->path, errno);
    write_at(file, std::as_bytes(std::span(&stamp, 1)), {}, in->use_offset(known.place().unit), in->path);
    mark_used(*in, file);
  }
 protected:
  /// An entry as a record of its own that is still to be written.
  staged described(const stored_entry& entry) const {
    staged result(threads_.current());
    result.key = entry.key;
    result.payload = entry.payload;
    result.record.kind = entry.info.uncompressed != 0 ? format::record_kind::compressed : format::record_kind::value;
    result.record.id = entry.id;
    result.record.written = entry.info.written;
    result.record.expires = entry.info.expires;
    return result;
  }
  shared_log& log_to_change() const {
    shared_log* const log = log_.load(std::memory_order_acquire);
    if (log == nullptr) refuse_changes();
    return *log;
  }
  /// Whether the log's file is still there: asked now and then, as a put is not to wait for the answer each time.
  bool is_intact(const shared_log& log) {
    constexpr std::chrono::microseconds now_and_then{50};
    const auto now = std::chrono::steady_clock::now();
    if (asked_log_ == &log && now - asked_at_ < now_and_then) return true;
    asked_log_ = &log;
    asked_at_ = now;
    return log.intact();
  }
  void note_published(const staged& made, std::uint64_t position) {
    const std::shared_ptr<segment> in = known_segment(made.at.segment);
    if (in != nullptr) {
      in->add(made.summary());
      if (format::is_value(made.record.kind)) table_.add_live(*in, made.record.size());
    }
    if (made.reference) references_.add(*made.reference);
    recent_.add(position, made.record.id.low);
    newest_place_ = std::max(newest_place_, made.at.word());
    position_.store(position + 1, std::memory_order_release);
  }
  /// Whoever seals the segment is to look for the last uses of its records.
  static void mark_used(const segment& in, const file_descriptor& file) {
    if (in.footer || in.has_uses()) return;
    constexpr std::uint64_t mark = 1;
    write_at(file, std::as_bytes(std::span(&mark, 1)), {}, segment::uses_mark_offset, in.path);
  }
  /// Whether what a staged record was written into, or what it refers to, has gone.
  bool is_outdated(const staged& made) const {
    const shared_log& log = *log_.load(std::memory_order_relaxed);
    return made.log != &log || made.at.segment <= sealed_ || made.at.segment < log.oldest() ||
           (made.reference && made.wrote_file.empty() && !references_.contains(made.reference->number));
  }
  /// Writes a staged record anew: what it was written into, or what it refers to, has gone.
  void restage(staged& made) {
    if (made.reference && made.wrote_file.empty() && !references_.contains(made.reference->number)) put_into_file(made, made.value);
    made.void_head();
    write(made);
  }

  void put_into_file(staged& to, const bytes& value) {
    to.record.kind = format::in_file(to.record.kind);
    const format::chunk_checksums sums = format::chunk_checksums::of(value.span());
    const digest content = sums.content();
    const auto is_same = [&](std::span<const std::byte> known) { return std::memcmp(known.data(), value.data(), value.size()) == 0; };
    if (const auto known = file_with(content, value.size(), is_same)) {
      to.reference = known->reference;
    } else {
      to.reference = format::file_reference{files_.write(value.span()), value.size(), content};
      to.wrote_file = files_.path_of(to.reference->number);
    }
    to.refer_to_file(sums.payload(*to.reference));
  }
  /// The file that has this content already.
  template <class Same>
  std::optional<known_file> file_with(const digest& content, std::uint64_t size, Same&& is_same) {
    const auto known = [&] {
      const guard held = threads_.lock_unless_held();
      return references_.with_content(content, size);
    }();
    if (!known) return std::nullopt;
    // Equal digests are not yet equal bytes to somebody who wants them to be.
    std::shared_ptr<mapped_value> there = files_.map(known->number, known->size);
    if (there == nullptr || !is_same(there->content())) return std::nullopt;
    return known_file{*known, std::move(there)};
  }
  void drop_reference(std::uint64_t number) {
    if (!references_.remove(number)) return;
    files_.leave(number);
    unreferenced_.push_back(number);
  }

  /// Writes down which records were evicted, for whoever opens the directory later.
  void remember_evictions() {
    staged list(threads_.current());
    list.record.kind = format::record_kind::evicted;
    list.payload = bytes::copy_of(evicted_.data(), evicted_.size() * sizeof(std::uint64_t));
    write(list);
    evicted_.clear();
    shared_log& log = *log_.load(std::memory_order_relaxed);
    const std::uint64_t position = position_.load(std::memory_order_relaxed);
    if (log.append_at_end(position, {shared_log::change::record, list.at}, 0) == position) note_published(list, position);
    list.keep();
  }

  /// Leaves the directory; the last one to go seals what takes records, so that the next one need not read it.
  void finish() {
    shared_log* const log = log_.load(std::memory_order_relaxed);
    if (log == nullptr || !log->intact() || !all_whole()) return;
    if (!evicted_.empty()) remember_evictions();
    if (!opening_.leave()) return;
    struct nobody {
      void put(const digest&, const handle&, const stored_info&) {}
      void erase(const digest&) {}
      void evict(const digest&, format::record_place) {}
      void clear() {}
    };
    nobody ignored;
    shared_log::entry entry;
    for (std::uint64_t position = position_.load(); log->read(position, entry) == shared_log::outlook::found; position_.store(++position))
      apply(entry, ignored);
    writer_.seal(*log, format::record_place::of_word(log->active().load()));
    for (std::uint64_t position = position_.load(); log->read(position, entry) == shared_log::outlook::found; position_.store(++position))
      apply(entry, ignored);
    tidy();
  }

  /// Whether no file is shorter than its mapping: what `read_mode::copy` asks before it touches one.
  bool all_whole() const {
    if (options_.read != read_mode::copy) return true;
    bool whole = true;
    table_.for_each([&](const std::shared_ptr<segment>& one) {
      const std::optional<file_identity> found = identify(one->path);
      whole = whole && found && found->size >= one->file_size;
    });
    return whole;
  }
  std::uint64_t file_from() const noexcept { return std::min(options_.file_from, segment_size() / 2); }

  segment_writer writer_{folder_};
  sync::process_mutex threads_;
  unsigned generation_ = 0;     // of the process that came in
  const shared_log* asked_log_ = nullptr;
  std::chrono::steady_clock::time_point asked_at_;
};

}  // namespace larder::storage
