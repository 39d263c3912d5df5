#pragma once

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>

#include <string>

namespace larder::core {

/// A period in nanoseconds, cut to the longest that fits; throws `larder::error` when it is not above zero.
template <class Rep, class Period>
constexpr duration positive_period(std::chrono::duration<Rep, Period> period, const char* name) {
  if (!(period > std::chrono::duration<Rep, Period>::zero()))
    fail(error_cause::invalid_argument, std::string(name) + ": the period must be longer than zero");
  using seconds = std::chrono::duration<double>;
  if (std::chrono::duration_cast<seconds>(period) >= std::chrono::duration_cast<seconds>(duration::max())) return duration::max();
  return std::chrono::duration_cast<duration>(period);
}

}  // namespace larder::core
