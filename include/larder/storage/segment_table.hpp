#pragma once

#include <larder/storage/segment.hpp>
#include <larder/sync/shard_mutex.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace larder::storage {

/// The segments that a process knows, by number, and the sums over them. Look-ups run beside each other and beside one change.
class segment_table {
 public:
  /// f(segment) when the number is known, under the shared lock; whether it was.
  template <class F>
  bool with(std::uint32_t number, F&& f) const {
    const std::shared_lock guard(mutex_);
    const std::shared_ptr<segment>* const found = at(number);
    if (found == nullptr) return false;
    f(*found);
    return true;
  }
  std::shared_ptr<segment> find(std::uint32_t number) const {
    std::shared_ptr<segment> result;
    with(number, [&](const std::shared_ptr<segment>& found) { result = found; });
    return result;
  }

  void add(std::shared_ptr<segment> one) {
    const std::lock_guard guard(mutex_);
    count(*one);
    if (segments_.empty()) first_ = one->number;
    for (; one->number < first_; --first_) segments_.emplace_front();
    const std::size_t index = one->number - first_;
    if (index >= segments_.size()) segments_.resize(index + 1);
    if (segments_[index] != nullptr) discount(*segments_[index]);
    segments_[index] = std::move(one);
  }
  /// Forgets one; views of it keep it alive.
  void remove(std::uint32_t number) {
    std::shared_ptr<segment> gone;  // unmapped outside the lock
    const std::lock_guard guard(mutex_);
    if (number < first_ || number - first_ >= segments_.size()) return;
    gone = std::move(segments_[number - first_]);
    if (gone != nullptr) discount(*gone);
    while (!segments_.empty() && segments_.front() == nullptr) {
      segments_.pop_front();
      ++first_;
    }
  }
  void clear() {
    std::deque<std::shared_ptr<segment>> gone;
    const std::lock_guard guard(mutex_);
    gone.swap(segments_);
    file_bytes_.store(0, std::memory_order_relaxed);
    live_bytes_ = 0;
    count_ = 0;
  }

  // What follows is for whoever alone may change the table.

  /// `size` more bytes of one of the table are of records that count, or fewer.
  void add_live(segment& in, std::uint64_t size) noexcept {
    in.live_bytes_ += size;
    live_bytes_ += size;
  }
  void drop_live(segment& in, std::uint64_t size) noexcept {
    size = std::min(size, in.live_bytes_);
    in.live_bytes_ -= size;
    live_bytes_ -= size;
  }
  /// One of the table was sealed since it was mapped: what this process noted down of its records is in the footer, which `again` has mapped.
  void now_sealed(segment& known, std::shared_ptr<const segment> again) {
    const std::uint64_t before = known.file_size;
    known.now_sealed(std::move(again));
    file_bytes_.store(file_bytes() - before + known.file_size, std::memory_order_relaxed);
  }

  std::size_t size() const noexcept { return count_; }
  std::uint64_t live_bytes() const noexcept { return live_bytes_; }
  /// Anybody may ask for this sum at any time.
  std::uint64_t file_bytes() const noexcept { return file_bytes_.load(std::memory_order_relaxed); }
  /// The segment with the lowest number but for one; nothing when there is none.
  std::shared_ptr<segment> oldest_but(std::uint32_t number) const {
    for (const std::shared_ptr<segment>& one : segments_)
      if (one != nullptr && one->number != number) return one;
    return nullptr;
  }

  /// f(segment) for each, by number, without the lock. f may remove the segment that it is given.
  template <class F>
  void for_each(F&& f) const {
    for (std::uint64_t number = first_; !segments_.empty() && number < first_ + segments_.size(); ++number)
      if (const std::shared_ptr<segment>* const found = at(static_cast<std::uint32_t>(number)); found != nullptr) {
        const std::shared_ptr<segment> one = *found;
        f(one);
      }
  }

 private:
  void count(const segment& one) noexcept {
    file_bytes_.store(file_bytes() + one.file_size, std::memory_order_relaxed);
    live_bytes_ += one.live_bytes_;
    ++count_;
  }
  void discount(const segment& one) noexcept {
    file_bytes_.store(file_bytes() - one.file_size, std::memory_order_relaxed);
    live_bytes_ -= one.live_bytes_;
    --count_;
  }
  const std::shared_ptr<segment>* at(std::uint32_t number) const noexcept {
    if (number < first_ || number - first_ >= segments_.size()) return nullptr;
    const std::shared_ptr<segment>& found = segments_[number - first_];
    return found == nullptr ? nullptr : &found;
  }

  mutable sync::shard_mutex mutex_;
  std::deque<std::shared_ptr<segment>> segments_;
  std::uint32_t first_ = 0;
  std::atomic<std::uint64_t> file_bytes_{0};
  std::uint64_t live_bytes_ = 0;
  std::size_t count_ = 0;
};

}  // namespace larder::storage
