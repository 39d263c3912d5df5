#pragma once

#include <larder/core/capacity_advice.hpp>
#include <larder/core/error.hpp>
#include <larder/core/eviction_report.hpp>
#include <larder/core/hit_ratio_curve.hpp>
#include <larder/core/latency_report.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/core/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace larder {

/// Failures by cause.
struct error_counts {
  std::array<std::uint64_t, error_cause_count> by_cause{};

  std::uint64_t operator[](error_cause cause) const noexcept { return by_cause[static_cast<std::size_t>(cause)]; }
  std::uint64_t& operator[](error_cause cause) noexcept { return by_cause[static_cast<std::size_t>(cause)]; }
  std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : by_cause) sum += n;
    return sum;
  }
};

/// A snapshot of a cache's counters since it was made or since `reset_stats()`.
/// Each counter is exact; counters read while other threads work may be from slightly different moments.
struct cache_stats {
  std::uint64_t hits = 0;            ///< demand look-ups that found a live entry
  std::uint64_t misses = 0;          ///< demand look-ups that did not
  std::uint64_t insertions = 0;      ///< values stored, replacements included
  std::uint64_t evictions = 0;       ///< entries that left for want of room
  std::uint64_t expirations = 0;     ///< entries that left because their time was over
  std::uint64_t refused = 0;         ///< puts that were not stored
  std::uint64_t loads = 0;           ///< loaders that returned
  std::uint64_t load_failures = 0;   ///< loaders that threw
  std::uint64_t joined = 0;          ///< look-ups that waited for a load that somebody else had begun
  duration load_time{0};             ///< spent in loaders, failed ones included
  error_counts errors;               ///< failures that were absorbed, by cause
  std::uint64_t pinned_bytes = 0;    ///< held by callers' `bytes` after their entry left (storage that the cache allocated or mapped)
  std::uint64_t overhead_bytes = 0;  ///< memory for the index and bookkeeping, payloads not counted
  std::uint64_t hit_bytes = 0;       ///< of the values that hits found, where a cache counts bytes: `max_bytes`, storages on disk
  std::uint64_t missed_bytes = 0;    ///< of the values put for keys that were not there, whether stored or too large; likewise
  std::uint64_t stored_bytes = 0;    ///< that the values in the cache take, where a cache counts bytes: `max_bytes`, storages on disk, compression
  std::uint64_t logical_bytes = 0;   ///< that they have for callers: more than `stored_bytes` by what a compression policy saved; likewise
  std::optional<eviction_report> eviction;  ///< what the order does at present, and why; from orders that choose, such as `adaptive`
  std::optional<remote_report> remote;  ///< what a remote storage costs and how it fares; from those that know
  std::optional<hit_ratio_curve> curve;  ///< what other capacities would bring; needs the policy `miss_ratio_curve`
  std::optional<latency_report> latency;  ///< how long gets, puts and loads take; needs the policy `latency_histogram`

  /// Hits as a share of demand look-ups, in [0, 1]; 0 before the first.
  double hit_rate() const noexcept {
    const std::uint64_t lookups = hits + misses;
    return lookups == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(lookups);
  }
  /// The bytes that hits found as a share of those and of what misses then brought, in [0, 1]; 0 before the first and where bytes
  /// are not counted.
  double byte_hit_rate() const noexcept {
    const std::uint64_t bytes = hit_bytes + missed_bytes;
    return bytes == 0 ? 0.0 : static_cast<double>(hit_bytes) / static_cast<double>(bytes);
  }
  /// How large the cache should be, by its look-ups so far; without the policy `miss_ratio_curve`, that it is not observed.
  capacity_advice advice() const { return curve ? capacity_advice(*curve) : capacity_advice(); }
};

}  // namespace larder
