#pragma once

#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>

#include <cstdint>
#include <optional>

namespace larder::observe {

/// What a cache holds and may hold, as far as it knows.
struct cache_extent {
  std::optional<std::uint64_t> entries{};
  std::optional<std::uint64_t> weight{};  ///< in the unit of the limit
  std::optional<std::uint64_t> capacity_entries{};
  std::optional<std::uint64_t> capacity_bytes{};
  std::optional<std::uint64_t> capacity_weight{};
};

/// The extent of a cache; empty for what has neither a size nor limits.
template <class Cache>
cache_extent extent_of(const Cache& cache) {
  cache_extent found;
  if constexpr (requires { std::uint64_t{cache.size()}; }) found.entries = cache.size();
  if constexpr (requires { std::uint64_t{cache.weight()}; }) found.weight = cache.weight();
  if constexpr (requires { requires Cache::template keeps<max_entries>; })
    found.capacity_entries = cache.template capacity<max_entries>();
  if constexpr (requires { requires Cache::template keeps<max_bytes>; })
    found.capacity_bytes = cache.template capacity<max_bytes>();
  if constexpr (requires { requires Cache::template keeps<max_weight>; })
    found.capacity_weight = cache.template capacity<max_weight>();
  return found;
}

template <class V>
void visit_metrics(const cache_extent& e, V& v) {
  v.of("cache", [&](V& u) {
    if (e.entries) u.gauge("entries", "Entries in the cache.", *e.entries);
    if (e.weight) u.gauge("weight", "What the entries weigh in all, in the unit of the cache's limit.", *e.weight);
    if (e.capacity_entries) u.gauge("capacity_entries", "The cache's limit.", *e.capacity_entries);
    if (e.capacity_bytes) u.gauge("capacity_bytes", "The cache's limit.", *e.capacity_bytes);
    if (e.capacity_weight) u.gauge("capacity_weight", "The cache's limit.", *e.capacity_weight);
  });
}

}  // namespace larder::observe
