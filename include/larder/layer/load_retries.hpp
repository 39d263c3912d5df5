#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>

#include <chrono>

namespace larder {

namespace axis {
struct retrying {};  ///< how often a failed load is tried again
}  // namespace axis

/// How often a layer cache tries to load a layer before the failure reaches those who wait, and how long it waits before
/// the second try; each further wait is twice as long. Waits are told by the cache's `time_source`. Not named: one try.
struct load_retries {
  using policy_axis = axis::retrying;
  unsigned tries;
  duration first_delay;

  explicit constexpr load_retries(unsigned number_of_tries = 3, duration delay = std::chrono::milliseconds{100})
      : tries(number_of_tries), first_delay(delay) {
    if (tries == 0) core::fail(error_cause::invalid_argument, "load_retries{0}: give at least one try");
    if (delay.count() < 0) core::fail(error_cause::invalid_argument, "load_retries: a delay cannot be negative");
  }

  /// The wait after the `failed`-th try (1 is the first).
  constexpr duration delay_after(unsigned failed) const noexcept {
    duration d = first_delay;
    for (unsigned i = 1; i < failed && d < std::chrono::hours{1}; ++i) d *= 2;
    return d;
  }
};

}  // namespace larder
