#pragma once

#include <larder/core/concepts.hpp>
#include <larder/storage/disk_options.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/file_system_probe.hpp>
#include <larder/storage/recent_changes.hpp>
#include <larder/storage/record_handle.hpp>
#include <larder/storage/segment_folder.hpp>
#include <larder/storage/segment_opening.hpp>
#include <larder/storage/segment_reader.hpp>
#include <larder/storage/segment_sizing.hpp>
#include <larder/storage/segment_table.hpp>
#include <larder/storage/shared_log.hpp>
#include <larder/storage/value_files.hpp>
#include <larder/storage/value_references.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
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

/// What a process knows of a directory of segments, and what it can say of it without the log.
class segment_contents {
 public:
  using handle = record_handle;

  /// The payload, in place unless `read_mode::copy`.
  fetched fetch(const digest& id, const bytes& key, handle& known) const {
    try {
      std::uint64_t size = 0;
      return reader_.fetch(id, key, known, {}, size);
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
  std::shared_ptr<segment> oldest() const { return table_.oldest_but(0); }
  std::size_t segments() const noexcept { return table_.size(); }
  /// The oldest segment that must go for the files to keep to the capacity (or, without one, because too much of the files is of no
  /// use any more); nothing when all is well. Under the lock.
  std::shared_ptr<segment> surplus() const {
    std::uint64_t in_segments = table_.file_bytes();
    std::uint64_t live = table_.live_bytes();
    const std::uint32_t active = active_segment();
    table_.with(active, [&](const std::shared_ptr<segment>& one) {
      in_segments -= one->file_size;
      live -= one->live_bytes();
    });
    const bool too_much = capacity_ ? in_segments + references_.bytes() > *capacity_ : in_segments > 2 * live + 4 * segment_size();
    return too_much ? table_.oldest_but(active) : nullptr;
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
  segment_contents(const std::filesystem::path& path, const mmap_disk_options& options, error_sink& sink, std::optional<std::uint64_t> capacity)
      : options_(resolved(options, path)),
        sizing_(options.segment_size, capacity),
        capacity_(capacity),
        directory_(path, "mmap_disk", sink, segment_folder::format_version),
        folder_(directory_.file("entries")),
        ledger_(std::make_shared<pinned_ledger>()),
        files_(folder_.path(), ledger_, options.max_mappings),
        reader_(options_, directory_, table_, files_),
        opening_(directory_) {
    attach();
  }
  segment_contents(const segment_contents&) = delete;
  segment_contents& operator=(const segment_contents&) = delete;
  ~segment_contents() = default;

  /// Comes into the directory, or in again after it was lost: everything that this process knew of it is forgotten.
  void attach() {
    opened_segments opened = opening_.open(folder_, ledger_, sizing_, logs_.empty());  // which may fail, and then all is as it was
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
  static mmap_disk_options resolved(mmap_disk_options options, const std::filesystem::path& path) {
    options.read = resolved_read_mode(options.read, path);
    return options;
  }
  /// What a new segment gets; needs no lock.
  std::uint64_t segment_size() const noexcept { return sizing_.next(table_.file_bytes()); }
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
  const segment_sizing sizing_;
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
  std::uint64_t newest_place_ = 0;          // of the records that the index was told of, in the newest segment
  bool stale_ = false;                      // everything is to be looked at anew
  recent_changes recent_;
  value_references references_;
  std::vector<std::uint64_t> evicted_;          // places that no record lists yet
  std::vector<std::uint64_t> lost_keys_;        // whose newest record is damaged, which no record says yet
  std::vector<std::uint64_t> unreferenced_;     // files that no entry refers to, as far as this process has seen
  std::vector<std::uint64_t> unflushed_files_;  // that the device may not have
  opened_segments opened_;
  std::vector<std::unique_ptr<shared_log>> logs_;  // the old ones too: somebody may be looking at them without the lock
};

}  // namespace larder::storage
