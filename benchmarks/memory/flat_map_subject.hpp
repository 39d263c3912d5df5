#pragma once

#include "payload.hpp"

#include <larder/hash/xxh3.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace bench {

/// larder's default hasher in the form that the maps ask for.
struct map_hash {
  using is_avalanching = void;
  template <class Key>
  std::size_t operator()(const Key& key) const noexcept {
    return larder::xxh3{}(key);
  }
};

/// The bare hash table that hits are compared with: no bound, no order, no statistics, no lock.
template <class Key, class Value>
class flat_map {
 public:
  explicit flat_map(std::size_t capacity) { map_.reserve(capacity); }
  bool get(const Key& key, std::uint64_t& sum) {
    const auto at = map_.find(key);
    if (at == map_.end()) return false;
    sum += payload<Value>::read(at->second);
    return true;
  }
  void put(const Key& key, std::uint64_t number) { map_.insert_or_assign(key, payload<Value>::make(number)); }

 protected:
  boost::unordered_flat_map<Key, Value, map_hash> map_;
};

/// The same; a hit copies the value out.
template <class Key, class Value>
class flat_map_copy : public flat_map<Key, Value> {
 public:
  using flat_map<Key, Value>::flat_map;
  bool get(const Key& key, std::uint64_t& sum) {
    const auto at = this->map_.find(key);
    if (at == this->map_.end()) return false;
    const Value value = at->second;
    sum += payload<Value>::read(value);
    return true;
  }
};

/// A bare table that threads may share as long as they only read, and write over values of keys that are there.
template <class Key>
class flat_map_in_place : public flat_map<Key, std::uint64_t> {
 public:
  using flat_map<Key, std::uint64_t>::flat_map;
  bool get(const Key& key, std::uint64_t& sum) {
    const auto at = this->map_.find(key);
    if (at == this->map_.end()) return false;
    sum += std::atomic_ref(at->second).load(std::memory_order_relaxed);
    return true;
  }
  void put(const Key& key, std::uint64_t number) {
    const auto at = this->map_.find(key);
    if (at == this->map_.end())
      this->map_.emplace(key, number);
    else
      std::atomic_ref(at->second).store(number, std::memory_order_relaxed);
  }
};

/// The least that a bounded cache can do: a bare table, and a ring of its keys that says who leaves.
template <class Key>
class flat_map_ring : public flat_map<Key, std::uint64_t> {
 public:
  explicit flat_map_ring(std::size_t capacity) : flat_map<Key, std::uint64_t>(capacity), capacity_(capacity) {
    ring_.reserve(capacity);
  }
  void put(const Key& key, std::uint64_t number) {
    if (!this->map_.emplace(key, number).second) return;
    if (ring_.size() < capacity_) {
      ring_.push_back(key);
      return;
    }
    this->map_.erase(ring_[oldest_]);
    ring_[oldest_] = key;
    oldest_ = oldest_ + 1 == capacity_ ? 0 : oldest_ + 1;
  }

 private:
  std::size_t capacity_;
  std::size_t oldest_ = 0;
  std::vector<Key> ring_;
};

}  // namespace bench
