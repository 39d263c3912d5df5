#pragma once

#include <cstdint>
#include <limits>

namespace larder {

/// The number of an entry's place in its shard: stable from insertion to removal, then used again.
using slot = std::uint32_t;

inline constexpr slot no_slot = std::numeric_limits<slot>::max();

/// What an eviction order is told of an entry when it comes and when it is evicted.
struct entry_info {
  std::uint64_t hash;    ///< well mixed, for ghosts and sketches
  std::uint64_t weight;  ///< bytes under `max_bytes`, the weigher's under `max_weight`, else the payload's size
};

}  // namespace larder
