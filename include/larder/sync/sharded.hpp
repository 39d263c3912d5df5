#pragma once

#include <larder/core/axis.hpp>
#include <larder/sync/shard_mutex.hpp>

#include <cstddef>

namespace larder {

/// Any number of threads: keys are spread over `Shards` parts, each behind its own reader-writer lock. 0 picks the number
/// (one part below 4096 entries each or 256 MiB, so that small caches keep their exact order; at most 4 per core). The
/// limits hold for the whole, not for each part.
template <std::size_t Shards = 0>
struct sharded {
  using policy_axis = axis::locking;
  static constexpr bool synchronized = true;
  static constexpr std::size_t shards = Shards;
  using mutex = sync::shard_mutex;
};

}  // namespace larder
