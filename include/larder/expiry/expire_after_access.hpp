#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/period.hpp>

namespace larder {

/// An entry is gone when more than `value` has passed since it was stored or last used; at exactly `value` it is still there.
struct expire_after_access {
  using policy_axis = axis::expiry;
  duration value;

  template <class Rep, class Period>
  explicit constexpr expire_after_access(std::chrono::duration<Rep, Period> period) : value(core::positive_period(period, "expire_after_access")) {}
};

}  // namespace larder
