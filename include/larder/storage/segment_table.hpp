#pragma once

#include <larder/storage/segment.hpp>
#include <larder/sync/shard_mutex.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace larder::storage {

/// The segments that a process knows, by number. Look-ups run beside each other and beside one change.
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
    if (segments_.empty()) first_ = one->number;
    for (; one->number < first_; --first_) segments_.emplace_front();
    const std::size_t index = one->number - first_;
    if (index >= segments_.size()) segments_.resize(index + 1);
    segments_[index] = std::move(one);
  }
  /// Forgets one; views of it keep it alive.
  void remove(std::uint32_t number) {
    std::shared_ptr<segment> gone;  // unmapped outside the lock
    const std::lock_guard guard(mutex_);
    if (number < first_ || number - first_ >= segments_.size()) return;
    gone = std::move(segments_[number - first_]);
    while (!segments_.empty() && segments_.front() == nullptr) {
      segments_.pop_front();
      ++first_;
    }
  }
  void clear() {
    std::deque<std::shared_ptr<segment>> gone;
    const std::lock_guard guard(mutex_);
    gone.swap(segments_);
  }

  /// f(segment) for each, by number, without the lock: for whoever alone may change the table. f may remove the segment that it is given.
  template <class F>
  void for_each(F&& f) const {
    const std::deque<std::shared_ptr<segment>> copy = segments_;
    for (const std::shared_ptr<segment>& one : copy)
      if (one != nullptr) f(one);
  }

 private:
  const std::shared_ptr<segment>* at(std::uint32_t number) const noexcept {
    if (number < first_ || number - first_ >= segments_.size()) return nullptr;
    const std::shared_ptr<segment>& found = segments_[number - first_];
    return found == nullptr ? nullptr : &found;
  }

  mutable sync::shard_mutex mutex_;
  std::deque<std::shared_ptr<segment>> segments_;
  std::uint32_t first_ = 0;
};

}  // namespace larder::storage
