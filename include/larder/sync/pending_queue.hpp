#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace larder::sync {

/// First in, first out over one vector: what a queue of jobs needs of `std::deque`, without what including it costs every
/// user of the library to compile. Amortised constant time; not synchronized.
template <class T>
class pending_queue {
 public:
  bool empty() const noexcept { return next_ == items_.size(); }
  std::size_t size() const noexcept { return items_.size() - next_; }
  void push(T item) { items_.push_back(std::move(item)); }
  /// Takes the oldest item out; there must be one.
  T pop() {
    T item = std::move(items_[next_]);
    ++next_;
    if (next_ == items_.size()) {
      clear();
    } else if (next_ >= 64 && next_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(next_));
      next_ = 0;
    }
    return item;
  }
  /// Takes the newest item back; there must be one.
  void drop_newest() { items_.pop_back(); }
  void clear() noexcept {
    items_.clear();
    next_ = 0;
  }
  void swap(pending_queue& other) noexcept {
    items_.swap(other.items_);
    std::swap(next_, other.next_);
  }

 private:
  std::vector<T> items_;
  std::size_t next_ = 0;
};

}  // namespace larder::sync
