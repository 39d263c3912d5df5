#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace larder::datasets {

/// The notes in a cache that this process put there or found, and how many bytes they are, so that they do not count as samples. Each counts once,
/// whoever put it, since it lies in the cache once. Any number of threads.
class known_notes {
 public:
  void meet(std::string_view key, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    const auto at = sizes_.try_emplace(std::string(key), 0).first;
    bytes_.fetch_add(size - at->second, std::memory_order_relaxed);  // modulo 2^64, and at once: nobody sees it go and come again
    at->second = size;
    count_.store(sizes_.size(), std::memory_order_relaxed);
  }
  void leave(std::string_view key) {
    const std::lock_guard lock(mutex_);
    if (const auto found = sizes_.find(key); found != sizes_.end()) forget(found);
  }
  /// All notes of a shard: those whose keys begin so.
  void leave_shard(std::string_view shard) {
    const std::lock_guard lock(mutex_);
    for (auto at = sizes_.lower_bound(shard); at != sizes_.end() && at->first.starts_with(shard);) at = forget(at);
  }
  /// Forgets those of which `is_there(key)` is false: others may have erased them.
  template <class F>
  void keep_those(F&& is_there) {
    std::vector<std::string> keys;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [key, size] : sizes_) keys.push_back(key);
    }
    for (const std::string& key : keys)
      if (!is_there(key)) leave(key);
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    sizes_.clear();
    bytes_.store(0, std::memory_order_relaxed);
    count_.store(0, std::memory_order_relaxed);
  }
  /// Bytes of all of them.
  std::uint64_t size() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  using all = std::map<std::string, std::uint64_t, std::less<>>;
  all::iterator forget(all::iterator at) {
    bytes_.fetch_sub(at->second, std::memory_order_relaxed);
    const auto next = sizes_.erase(at);
    count_.store(sizes_.size(), std::memory_order_relaxed);
    return next;
  }

  std::mutex mutex_;
  all sizes_;
  std::atomic<std::uint64_t> bytes_{0}, count_{0};
};

}  // namespace larder::datasets
