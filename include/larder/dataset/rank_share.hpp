#pragma once

// Which samples of an epoch a rank of a distributed training uses.

#include <larder/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
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

  constexpr bool has(std::uint64_t number) const noexcept { return number % world == rank; }
  /// The rank's first number that is not below `number`; the greatest number there is when none follows.
  constexpr std::uint64_t first_at_or_after(std::uint64_t number) const noexcept {
    const std::uint64_t at = number % world;
    const std::uint64_t ahead = at <= rank ? rank - at : world - (at - rank);
    constexpr std::uint64_t greatest = std::numeric_limits<std::uint64_t>::max();
    return ahead > greatest - number ? greatest : number + ahead;
  }
  /// How many of the numbers below `total` are the rank's. Those of two ranks differ by at most 1.
  constexpr std::uint64_t share_of(std::uint64_t total) const noexcept { return total / world + (rank < total % world ? 1 : 0); }
  /// Where the last whole round of `total` samples ends: what follows, not every rank has a sample of.
  constexpr std::uint64_t end_of_whole_rounds(std::uint64_t total) const noexcept { return total - total % world; }
  /// Whether every rank has a sample of the round that `number` is in, of `total` samples.
  constexpr bool is_in_whole_round(std::uint64_t number, std::uint64_t total) const noexcept {
    return number < end_of_whole_rounds(total);
  }

  friend constexpr bool operator==(const partition&, const partition&) noexcept = default;
};

}  // namespace larder
