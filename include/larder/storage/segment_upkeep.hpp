#pragma once

#include <larder/storage/segment_store.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace larder::storage {

/// What is done to whole segments of a store: dropped, rewritten, flushed.
class segment_upkeep : public segment_store {
 public:
  using segment_store::segment_store;

  /// Every record of every segment goes; `bytes` of them stay valid. Under the lock, and the index has let everything go.
  void clear() {
    if (log_.load(std::memory_order_relaxed) == nullptr) refuse_changes();
    shared_log& log = *log_.load(std::memory_order_relaxed);
    const std::uint32_t last = format::record_place::of_word(log.active().load(std::memory_order_acquire)).segment;
    writer_.seal(log, last);
    log.append_at_end(position_.load(std::memory_order_relaxed), {shared_log::change::dropped, {last + 1, 0}}, 0);
    evicted_.clear();
    directory_.empty_quarantine();
  }

  /// The fewest of the oldest segments of which no more than half is of any use together, so that the rest finds room where they were.
  std::vector<std::shared_ptr<segment>> reclaimable() {
    constexpr std::uint64_t most_in_memory = 256 * 1024 * 1024;
    std::vector<std::shared_ptr<segment>> oldest;
    std::uint64_t all = 0;
    std::uint64_t live = 0;
    bool enough = false;
    table_.for_each([&](const std::shared_ptr<segment>& one) {
      if (enough) return;
      oldest.push_back(one);
      all += one->file_size;
      live += one->live_bytes() + 4096;
      enough = live <= all / 2;
    });
    if (!enough || live > most_in_memory) return {};
    seal(oldest.back()->number);
    return oldest;
  }
  /// Nothing more comes into this segment.
  void seal(std::uint32_t number) {
    writer_.seal(*log_.load(std::memory_order_relaxed), number);
  }
  /// One reference more, or less, to the file that a record refers to: it stays while its record is written anew.
  void hold_file(const handle& known) {
    if (const auto reference = reference_of(known)) references_.add(*reference);
  }
  void release_file(const format::file_reference& held) { drop_reference(held.number); }
  /// Nothing of a segment, the oldest, counts any more. Under the lock, when nobody changed anything since the last `follow`, else false.
  bool drop(std::uint32_t number) {
    shared_log& log = *log_.load(std::memory_order_relaxed);
    return log.append(position_.load(std::memory_order_relaxed), {shared_log::change::dropped, {number + 1, 0}}, 0);
  }
  /// The same for one that is not the oldest: everything in it that still counts has been written anew.
  bool remove(std::uint32_t number) {
    shared_log& log = *log_.load(std::memory_order_relaxed);
    return log.append(position_.load(std::memory_order_relaxed), {shared_log::change::removed, {number, 0}}, 0);
  }

  /// Returns when everything published and erased before survives a power cut. Throws `larder::error` when the device says no;
  /// what it did not take is to be written anew before it is flushed again (`take_refused`).
  void flush() {
    std::vector<std::string> paths;
    std::vector<std::uint64_t> files;
    std::vector<std::uint32_t> segments;
    std::uint32_t before = 0;
    {
      const guard held = threads_.lock_unless_held();
      if (!evicted_.empty()) remember_evictions();
      before = flushed_below_;
      table_.for_each([&](const std::shared_ptr<segment>& one) {
        if (one->number >= flushed_below_) segments.push_back(one->number);
      });
      files.swap(unflushed_files_);
    }
    refusal refused;
    int number = 0;
    const auto take = [&](const std::string& path, auto which, auto& where) {
      if (const int answer = segment_folder::flush(path); answer != 0) {
        number = answer;
        paths.push_back(path);
        where.push_back(which);
      }
    };
    for (const std::uint64_t file : files) take(files_.path_of(file), file, refused.files);
    for (const std::uint32_t segment : segments) take(folder_.path_of(segment), segment, refused.segments);
    int folder_answer = segment_folder::flush(folder_.path(), O_DIRECTORY);
    if (folder_answer == 0) folder_answer = segment_folder::flush(directory_.root(), O_DIRECTORY);
    if (folder_answer == 0) folder_answer = segment_folder::flush(directory_.path_of_marker());
    const guard held = threads_.lock_unless_held();
    if (number == 0 && folder_answer == 0) {
      if (!segments.empty() && flushed_below_ == before) flushed_below_ = segments.back();
      return;
    }
    if (folder_answer != 0) unflushed_files_.insert(unflushed_files_.end(), files.begin(), files.end());  // for the next call
    // After a failed write-back the pages count as clean: the next try would say yes to data that is lost.
    refused_.segments.insert(refused_.segments.end(), refused.segments.begin(), refused.segments.end());
    refused_.files.insert(refused_.files.end(), refused.files.begin(), refused.files.end());
    fail_file("flush", paths.empty() ? folder_.path() : paths.front(), number != 0 ? number : folder_answer);
  }
  /// The segments and the values' files that the device refused, once.
  struct refusal {
    std::vector<std::uint32_t> segments;
    std::vector<std::uint64_t> files;
  };
  refusal take_refused() { return std::exchange(refused_, {}); }

 private:
  refusal refused_;
};

}  // namespace larder::storage
