#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

namespace model {

/// An LRU cache as anybody would write it: what a `miss_ratio_curve` claims to know at each capacity.
class naive_lru {
 public:
  explicit naive_lru(std::uint64_t capacity) : capacity_(capacity) {}

  std::uint64_t hits = 0;
  std::uint64_t look_ups = 0;

  bool look_up(std::uint64_t key) {
    ++look_ups;
    const auto found = rows_.find(key);
    if (found == rows_.end()) return false;
    ++hits;
    order_.splice(order_.begin(), order_, found->second);
    return true;
  }
  void put(std::uint64_t key, std::uint64_t weight) {
    erase(key);
    if (weight > capacity_) return;
    while (used_ + weight > capacity_) erase(order_.back().first);
    order_.emplace_front(key, weight);
    rows_[key] = order_.begin();
    used_ += weight;
  }
  void erase(std::uint64_t key) {
    const auto found = rows_.find(key);
    if (found == rows_.end()) return;
    used_ -= found->second->second;
    order_.erase(found->second);
    rows_.erase(found);
  }
  void clear() {
    order_.clear();
    rows_.clear();
    used_ = 0;
  }
  double hit_ratio() const { return look_ups == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(look_ups); }

 private:
  using row = std::pair<std::uint64_t, std::uint64_t>;

  std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  std::list<row> order_;
  std::unordered_map<std::uint64_t, std::list<row>::iterator> rows_;
};

}  // namespace model
