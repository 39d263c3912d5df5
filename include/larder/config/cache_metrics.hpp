#pragma once

#include <larder/core/remote_report.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace larder {

/// What one cache of a manager did and holds.
struct cache_metrics {
  std::string name;
  double hit_rate = 0;  ///< hits as a share of look-ups
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t evictions = 0;  ///< of all tiers: an entry that leaves memory and stays on disk is one
  std::uint64_t expirations = 0;
  std::uint64_t refused = 0;
  std::uint64_t errors = 0;
  std::uint64_t entries = 0;
  std::uint64_t memory_bytes = 0;     ///< of values in memory, compressed ones as they are kept
  std::uint64_t memory_overhead = 0;  ///< memory for the index of that tier
  std::uint64_t memory_capacity = 0;  ///< bytes; entries where only these are limited
  std::uint64_t disk_bytes = 0;
  std::uint64_t disk_overhead = 0;  ///< memory for the index of that tier
  std::uint64_t disk_capacity = 0;
  std::uint64_t remote_hits = 0;
  std::uint64_t remote_misses = 0;  ///< look-ups there that failed included
  std::uint64_t remote_errors = 0;
  std::uint64_t remote_owed = 0;          ///< bytes of values that are still to be written there
  std::optional<remote_report> remote{};  ///< its requests and how it fares; nothing without a remote tier
};

}  // namespace larder
