#pragma once

// Which samples of an epoch a rank of a distributed training uses.

#include <larder/core/error.hpp>

#include <cstddef>
#include <string>

namespace larder {

/// One of `world` ranks that share a data set: of the samples of an epoch, counted from 0 in the order of the epoch, it has those whose
/// number leaves `rank` when divided by `world`. A round is the `world` samples of which each rank has one.
struct partition {
  std::size_t rank = 0;
  std::size_t world = 1;

  /// Throws `larder::error` (invalid_argument) unless the rank is below the world.
  void validate() const {
    if (world == 0) core::fail(error_cause::invalid_argument, "partition: a world of 0 ranks; it has at least 1");
    if (rank >= world)
      core::fail(error_cause::invalid_argument, "partition: rank " + std::to_string(rank) + " of a world of " +
                                                    std::to_string(world) + "; ranks are counted from 0 to " +
                                                    std::to_string(world - 1));
  }

  friend constexpr bool operator==(const partition&, const partition&) noexcept = default;
};

}  // namespace larder
