#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/period.hpp>

namespace larder {

/// `get_or_load` on an entry older than `value` returns it and lets one load in the background renew it.
struct refresh_after_write {
  using policy_axis = axis::refresh;
  duration value;

  template <class Rep, class Period>
  explicit constexpr refresh_after_write(std::chrono::duration<Rep, Period> period) : value(core::positive_period(period, "refresh_after_write")) {}
};

}  // namespace larder
