#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/format/segment_footer.hpp>
#include <larder/format/segment_record.hpp>
#include <larder/storage/record_batch.hpp>
#include <larder/storage/segment_folder.hpp>
#include <larder/storage/segment_room.hpp>
#include <larder/storage/shared_log.hpp>
#include <larder/sync/process_mutex.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include <sys/uio.h>
#include <unistd.h>

namespace larder::storage {

/// A record that is written and that nobody can find yet. What is dropped unpublished is made unreadable, and a value's file removed.
class staged_record {
 public:
  staged_record() noexcept = default;
  explicit staged_record(sync::process_mutex::stamp process) noexcept : process_(process) {}
  staged_record(staged_record&& other) noexcept { swap(other); }
  staged_record& operator=(staged_record&& other) noexcept {
    swap(other);
    return *this;
  }
  ~staged_record() { drop(); }

  bytes key;
  bytes payload;  ///< of the record: the value, or what stands for it
  bytes value;    ///< where a file has it
  format::segment_record record;
  std::optional<format::file_reference> reference;
  std::string wrote_file;  ///< of this value alone, until it is published
  format::record_place at;
  const shared_log* log = nullptr;
  std::uint64_t position = 0;  ///< of the log when its sequence was chosen
  std::shared_ptr<file_descriptor> file;

  /// How much of the payload says that the value is compressed.
  std::size_t head_size() const noexcept { return format::is_compressed(record.kind) ? format::compressed_head::encoded_size : 0; }
  /// Makes the payload what stands for a value in a file: what refers to it, behind the head of a compressed one.
  void refer_to_file(const bytes& referring) {
    if (head_size() == 0) {
      payload = referring;
      return;
    }
    mutable_bytes made(head_size() + referring.size());
    std::memcpy(made.data(), payload.data(), head_size());
    std::memcpy(made.data() + head_size(), referring.data(), referring.size());
    payload = std::move(made).freeze();
  }
  /// What a footer says of it.
  format::footer_entry summary() const noexcept {
    const auto form = head_size() != 0 ? format::compressed_head::decode(payload.span()) : std::nullopt;
    return format::footer_entry::of(record, at.unit, reference ? head_size() + reference->size : record.payload_size, form ? form->size : 0);
  }
  /// What it says of itself wherever it lies. Throws `larder::error` when its key is too long.
  void prepare(const shared_log& of, std::uint64_t at_position) {
    prepare_head(of, at_position, payload.size());
    checksum_payload();
  }
  void checksum_payload() noexcept { record.payload_checksum = format::payload_checksum(payload.data(), payload.size(), record.id); }
  /// The same but for the payload's checksum.
  void prepare_head(const shared_log& of, std::uint64_t at_position, std::uint64_t payload_size) {
    if (key.size() > format::segment_record::longest_key)
      core::fail(error_cause::invalid_argument, "a key of " + std::to_string(key.size()) + " bytes is too long for a byte storage");
    record.key_size = static_cast<std::uint32_t>(key.size());
    record.payload_size = payload_size;
    log = &of;
    position = at_position;
    record.sequence = of.sequence_at(at_position);
  }
  /// Whether this is the process that made it, and not a forked copy.
  bool is_own() const noexcept { return process_.is_current(); }
  /// It is somebody else's now: nothing is undone.
  void keep() noexcept {
    file.reset();
    wrote_file.clear();
  }
  /// It is to be written elsewhere: nobody is to take what is here for a record.
  void void_head() noexcept {
    if (file == nullptr) return;
    constexpr std::array<char, 8> nothing{};
    [[maybe_unused]] const ssize_t ignored = ::pwrite(file->get(), nothing.data(), nothing.size(), static_cast<off_t>(at.offset()));
    file.reset();
  }

 private:
  void swap(staged_record& other) noexcept {
    std::swap(key, other.key);
    std::swap(payload, other.payload);
    std::swap(value, other.value);
    std::swap(record, other.record);
    std::swap(reference, other.reference);
    std::swap(wrote_file, other.wrote_file);
    std::swap(at, other.at);
    std::swap(log, other.log);
    std::swap(position, other.position);
    std::swap(file, other.file);
    std::swap(process_, other.process_);
  }
  void drop() noexcept {
    if (!process_.is_current()) return;  // a forked copy is not the owner
    void_head();
    if (!wrote_file.empty()) ::unlink(wrote_file.c_str());
  }

  sync::process_mutex::stamp process_;
};

/// Appends records to the active segment. Any number of processes and threads write at once, each into the room that it took by one
/// compare-and-swap; a segment that is full is sealed and the next one opened by whoever comes first.
class segment_writer {
 public:
  explicit segment_writer(const segment_folder& folder) : folder_(&folder) {}

  /// What was sealed here and still has to get its footer: its number and where its records end at most.
  struct sealed_segment {
    std::uint32_t number = 0;
    std::uint64_t records_end = 0;
  };

  /// Writes a record, whose place, sequence and file this fills in. `new_size` is what a segment that has to be opened gets.
  /// Throws `file_error`, `no_space` when no room can be made.
  void write(staged_record& staged, shared_log& log, std::uint64_t new_size) {
    take_room(staged, log, new_size);
    write_bytes(staged);
  }
  /// The same without writing anything.
  void take_room(staged_record& staged, shared_log& log, std::uint64_t new_size) {
    for (;;) {
      const format::record_place end = format::record_place::of_word(log.active().load(std::memory_order_acquire));
      format::segment_record& record = staged.record;
      record.payload_offset = static_cast<std::uint32_t>(
          format::segment_record::payload_offset_for(end.offset(), record.key_size, record.payload_size));
      if (end.unit == 0) {
        open_next(log, end.segment, new_size, record.size());
        continue;
      }
      const writing to = writing_of(end.segment, log, new_size);
      // The log always knows of everything that is published in the active segment, for those who come into the directory meanwhile.
      const bool long_in_use = staged.position > log.active_since().load(std::memory_order_relaxed) + log.slots() / 2;
      if (end.offset() + record.size() > to.size || long_in_use) {
        if (to.size != 0) make_file(log, end.segment + 1, new_size, record.size());  // without room for it this one goes on, for smaller ones
        seal(log, end);
        continue;
      }
      const segment_room::outlook room = room_.reach(log, end, end.offset() + record.size(), *to.file, to.size);
      if (room == segment_room::outlook::stuck) seal(log, end);
      if (room != segment_room::outlook::ready) continue;
      std::uint64_t expected = end.word();
      const format::record_place after{end.segment, end.unit + static_cast<std::uint32_t>(record.size() / format::record_place::unit_size)};
      if (!log.active().compare_exchange_strong(expected, after.word(), std::memory_order_acq_rel, std::memory_order_relaxed)) continue;
      staged.at = end;
      staged.file = to.file;
      return;
    }
  }
  /// The same for as many of the first of them as the segment has room for, with one write; says how many. The others are to be written when these
  /// are published, as nothing is in a segment behind which there is another. At most `record_batch::most`.
  std::size_t write_together(std::span<staged_record> all, shared_log& log, std::uint64_t new_size) {
    for (;;) {
      const format::record_place end = format::record_place::of_word(log.active().load(std::memory_order_acquire));
      format::record_place after = end;
      const auto lay = [&](staged_record& one) {
        one.at = after;
        one.record.payload_offset = static_cast<std::uint32_t>(
            format::segment_record::payload_offset_for(after.offset(), one.record.key_size, one.record.payload_size));
        return after.offset() + one.record.size();
      };
      if (end.unit == 0) {
        lay(all.front());
        open_next(log, end.segment, new_size, all.front().record.size());
        continue;
      }
      const writing to = writing_of(end.segment, log, new_size);
      const bool long_in_use = all.front().position > log.active_since().load(std::memory_order_relaxed) + log.slots() / 2;
      std::size_t count = 0;
      for (; count < all.size() && !long_in_use; ++count) {
        const std::uint64_t next = lay(all[count]);
        if (next > to.size) break;
        after.unit = static_cast<std::uint32_t>(next / format::record_place::unit_size);
      }
      if (count == 0) {
        if (to.size != 0) make_file(log, end.segment + 1, new_size, all.front().record.size());
        seal(log, end);
        continue;
      }
      const segment_room::outlook room = room_.reach(log, end, after.offset(), *to.file, to.size);
      if (room == segment_room::outlook::stuck) seal(log, end);
      if (room != segment_room::outlook::ready) continue;
      std::uint64_t expected = end.word();
      if (!log.active().compare_exchange_strong(expected, after.word(), std::memory_order_acq_rel, std::memory_order_relaxed)) continue;
      const std::span<staged_record> placed = all.first(count);
      for (staged_record& one : placed) {
        one.checksum_payload();
        one.file = to.file;
      }
      record_batch(std::span<const staged_record>(placed)).write(*to.file, end.offset(), folder_->path_of(end.segment));
      return count;
    }
  }
  /// Writes the head again, with the sequence that the record has now.
  static void write_head(const staged_record& staged, const std::string& path) {
    with_head(staged, [&](std::span<const std::byte> head) { write_at(*staged.file, head, {}, staged.at.offset(), path); });
  }

  /// Ends the active segment when that is still `end`.
  void seal(shared_log& log, const format::record_place& end) {
    std::uint64_t expected = end.word();
    if (end.unit == 0 ||
        !log.active().compare_exchange_strong(expected, format::record_place{end.segment, 0}.word()))
      return;
    // Somebody may still be making room there: what comes behind the records comes behind that.
    const shared_log::room_end room = shared_log::room_end::of_word(log.room().load());
    const bool in_the_making = room.segment == end.segment && room.in_the_making;
    log.append_at_end(log.end(), {shared_log::change::sealed, end}, 0);
    const std::lock_guard guard(mutex_);
    due_.push_back({end.segment, in_the_making ? std::max(end.offset(), room.offset()) : end.offset()});
    if (current_.number == end.segment) current_ = {};
  }
  /// Ends a segment for good, whoever writes into it meanwhile.
  void seal(shared_log& log, std::uint32_t number) {
    for (;;) {
      const format::record_place end = format::record_place::of_word(log.active().load(std::memory_order_acquire));
      if (end.segment != number || end.unit == 0) return;
      seal(log, end);
    }
  }
  /// What was sealed here since the last time.
  void put_back(const sealed_segment& one) {
    const std::lock_guard guard(mutex_);
    due_.push_back(one);
  }
  std::vector<sealed_segment> take_sealed() {
    const std::lock_guard guard(mutex_);
    return std::exchange(due_, {});
  }
  bool has_sealed() const {
    const std::lock_guard guard(mutex_);
    return !due_.empty();
  }
  /// Lets go of the open file, in a child without touching what it inherited.
  void close() {
    const std::lock_guard guard(mutex_);
    current_ = {};
  }

 private:
  struct writing {
    std::uint32_t number = 0;
    std::uint64_t size = 0;
    std::shared_ptr<file_descriptor> file;
  };

  template <class F>
  static void with_head(const staged_record& staged, F&& f) {
    const std::size_t size = staged.record.payload_offset;
    if (size <= 512) {
      std::array<std::byte, 512> head;
      format::encode_record_head(staged.record, staged.key.span(), staged.at, head.data());
      f(std::span<const std::byte>(head.data(), size));
    } else {
      mutable_bytes head(size);
      format::encode_record_head(staged.record, staged.key.span(), staged.at, head.data());
      f(std::span<const std::byte>(head.data(), size));
    }
  }
  void write_bytes(const staged_record& staged) const {
    with_head(staged, [&](std::span<const std::byte> head) {
      write_at(*staged.file, head, staged.payload.span(), staged.at.offset(), folder_->path_of(staged.at.segment));
    });
  }

  writing writing_of(std::uint32_t number, shared_log& log, std::uint64_t new_size) {
    const std::lock_guard guard(mutex_);
    if (current_.number != number || of_ != &log) {
      of_ = &log;
      writing opened{number, 0, folder_->open_for_records(number, new_size)};
      opened.size = identify(*opened.file, folder_->path_of(number)).size;
      // Sealed and perhaps cut meanwhile: then its size is no room for records, and the caller finds another active one.
      if (format::record_place::of_word(log.active().load(std::memory_order_acquire)).segment != number) return {number, 0, opened.file};
      current_ = std::move(opened);
    }
    return current_;
  }

  /// A segment's file, with room for a record that needs so much at least; somebody else may have made it.
  writing make_file(const shared_log& log, std::uint32_t number, std::uint64_t size, std::uint64_t needed) const {
    const std::uint64_t least = format::segment_record::round_up(segment_folder::first_record + needed + 4096, 4096);
    writing made{number, std::max(size, least), nullptr};
    for (;;) {
      try {
        made.file = folder_->open_for_records(number, made.size);
        break;
      } catch (const file_error& e) {
        if (e.cause() != error_cause::no_space || made.size <= least) throw;
        made.size = std::max(made.size / 2 / 4096 * 4096, least);
      }
    }
    made.size = identify(*made.file, folder_->path_of(number)).size;
    // Others opened, filled and dropped it while this process slept; *oldest* was raised before they unlinked theirs.
    if (number < log.oldest()) ::unlink(folder_->path_of(number).c_str());
    return made;
  }
  /// Opens the segment after `last`, unless somebody else did.
  void open_next(shared_log& log, std::uint32_t last, std::uint64_t size, std::uint64_t needed) {
    const std::uint32_t number = last + 1;
    // Before anything is published behind it, everybody knows that nothing more comes into the last one.
    if (last != 0) log.append_at_end(log.end(), {shared_log::change::sealed, {last, 0}}, 0);
    writing opened = make_file(log, number, size, needed);
    const std::uint64_t since = log.end();
    std::uint64_t expected = format::record_place{last, 0}.word();
    const format::record_place begin{number, segment_folder::first_record / format::record_place::unit_size};
    if (log.active().compare_exchange_strong(expected, begin.word(), std::memory_order_acq_rel)) {
      log.active_since().store(since, std::memory_order_relaxed);
      const std::lock_guard guard(mutex_);
      of_ = &log;
      current_ = std::move(opened);
    }
  }

  const segment_folder* folder_;
  segment_room room_;
  mutable std::mutex mutex_;
  const shared_log* of_ = nullptr;  // whose segment the current one is
  writing current_;
  std::vector<sealed_segment> due_;
};

}  // namespace larder::storage
