#pragma once

#include <larder/core/time.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace larder::observe {

/// Which durations are counted together: each nanosecond up to 16 by itself, then sixteen steps per doubling up to 73 minutes, beyond
/// which all are one. So a bucket's upper end is more than what is counted in it by at most a sixteenth.
struct latency_buckets {
  static constexpr unsigned steps_log = 4;
  static constexpr std::uint64_t steps = std::uint64_t{1} << steps_log;
  static constexpr unsigned largest_log = 42;
  static constexpr std::size_t count = (largest_log - steps_log + 1) * steps;

  static constexpr std::size_t of(duration spent) noexcept {
    const auto nanoseconds = static_cast<std::uint64_t>(std::max<duration::rep>(spent.count(), 1));
    const std::uint64_t below = std::min(nanoseconds - 1, (std::uint64_t{1} << largest_log) - 1);
    if (below < steps) return static_cast<std::size_t>(below);
    const auto shift = static_cast<unsigned>(std::bit_width(below)) - 1 - steps_log;
    return static_cast<std::size_t>(shift * steps + (below >> shift));
  }
  /// The longest duration of a bucket.
  static constexpr duration upto(std::size_t bucket) noexcept {
    const std::uint64_t at = bucket;
    if (at < steps) return duration{static_cast<duration::rep>(at + 1)};
    const std::uint64_t shift = at / steps - 1;
    return duration{static_cast<duration::rep>((at % steps + steps + 1) << shift)};
  }
};

}  // namespace larder::observe
