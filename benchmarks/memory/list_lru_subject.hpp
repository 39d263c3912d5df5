#pragma once

#include "flat_map_subject.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace bench {

/// The textbook LRU: a list of pairs and a map of iterators.
template <class Key>
class list_lru {
 public:
  explicit list_lru(std::size_t capacity) : capacity_(capacity) { map_.reserve(capacity); }
  bool get(const Key& key, std::uint64_t& sum) {
    const auto at = map_.find(key);
    if (at == map_.end()) return false;
    list_.splice(list_.begin(), list_, at->second);
    sum += at->second->second;
    return true;
  }
  void put(const Key& key, std::uint64_t number) {
    const auto at = map_.find(key);
    if (at != map_.end()) {
      list_.splice(list_.begin(), list_, at->second);
      at->second->second = number;
      return;
    }
    if (map_.size() == capacity_) {
      map_.erase(list_.back().first);
      list_.pop_back();
    }
    list_.emplace_front(key, number);
    map_.emplace(key, list_.begin());
  }

 private:
  using pairs = std::list<std::pair<Key, std::uint64_t>>;
  std::size_t capacity_;
  pairs list_;
  std::unordered_map<Key, typename pairs::iterator, map_hash> map_;
};

/// The same behind one mutex.
template <class Key>
class list_lru_mutex {
 public:
  explicit list_lru_mutex(std::size_t capacity) : cache_(capacity) {}
  bool get(const Key& key, std::uint64_t& sum) {
    const std::lock_guard hold(mutex_);
    return cache_.get(key, sum);
  }
  void put(const Key& key, std::uint64_t number) {
    const std::lock_guard hold(mutex_);
    cache_.put(key, number);
  }

 private:
  std::mutex mutex_;
  list_lru<Key> cache_;
};

}  // namespace bench
