#pragma once

#include "workload.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// A cache under test, asked for chunks of requests at once: the loop around the requests is compiled together with the cache.
template <class Key>
class subject {
 public:
  subject() = default;
  subject(const subject&) = delete;
  subject& operator=(const subject&) = delete;
  virtual ~subject() = default;

  virtual void put(std::span<const Key> keys) = 0;
  /// How many were there. So for the other two.
  virtual std::size_t get(std::span<const Key> keys) = 0;
  /// What is not there is stored.
  virtual std::size_t get_or_put(std::span<const Key> keys) = 0;
  /// Each `latest::put_every`th request is a put, and counts as a hit.
  virtual std::size_t get_and_put(std::span<const Key> keys) = 0;
};

/// Keeps a computed number from being optimised away.
inline void keep(std::uint64_t value) { asm volatile("" : : "r"(value)); }

/// The subject that a cache makes. The cache has a constructor from its capacity, `bool get(key, sum)`, which adds something of the
/// value to `sum`, and `put(key, number)`.
template <class Key, class Cache>
class subject_of final : public subject<Key> {
 public:
  explicit subject_of(std::size_t capacity) : cache_(capacity) {}

  void put(std::span<const Key> keys) override {
    std::uint64_t number = 0;
    for (const Key& key : keys) cache_.put(key, number++);
  }
  std::size_t get(std::span<const Key> keys) override {
    std::size_t hits = 0;
    std::uint64_t sum = 0;
    for (const Key& key : keys) hits += cache_.get(key, sum) ? 1U : 0U;
    keep(sum);
    return hits;
  }
  std::size_t get_or_put(std::span<const Key> keys) override {
    std::size_t hits = 0;
    std::uint64_t sum = 0;
    for (const Key& key : keys) {
      if (cache_.get(key, sum))
        ++hits;
      else
        cache_.put(key, sum);
    }
    return hits;
  }
  std::size_t get_and_put(std::span<const Key> keys) override {
    std::size_t hits = 0;
    std::uint64_t sum = 0;
    std::size_t until_put = latest::put_every;
    for (const Key& key : keys) {
      if (--until_put != 0) {
        hits += cache_.get(key, sum) ? 1U : 0U;
      } else {
        cache_.put(key, sum);
        ++hits;
        until_put = latest::put_every;
      }
    }
    return hits;
  }

 private:
  Cache cache_;
};

/// What may take part in a case: its name, how it is made, and whom it is compared with (nobody named: the case's first).
template <class Key>
struct candidate {
  std::string name;
  std::function<std::unique_ptr<subject<Key>>(std::size_t capacity)> make;
  std::string against;
};

template <class Key, class Cache>
candidate<Key> candidate_of(std::string name, std::string against = {}) {
  return {std::move(name), [](std::size_t capacity) { return std::make_unique<subject_of<Key, Cache>>(capacity); },
          std::move(against)};
}

template <class Key>
using candidates = std::vector<candidate<Key>>;

}  // namespace bench
