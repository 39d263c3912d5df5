#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/time.hpp>

#include <type_traits>

namespace larder {

/// What tells the time. A clock given as an lvalue is borrowed and must outlive the cache; one without state is just named.
/// Not named: `steady_time` in memory, `wall_time` where entries outlive the process.
template <class Clock>
class time_source {
  static_assert(clock_like<Clock>, "larder: time_source needs a clock whose now() gives a duration or a time point");

 public:
  using policy_axis = axis::time;

  time_source()
    requires std::is_empty_v<Clock>
  = default;
  explicit time_source(const Clock& clock) noexcept : clock_(&clock) {}
  explicit time_source(const Clock&& clock)
    requires(!std::is_empty_v<Clock>)
  = delete;  // it would be gone before the cache asks it

  instant now() const {
    if constexpr (std::is_empty_v<Clock>)
      return core::to_instant(Clock{}.now());
    else
      return core::to_instant(clock_->now());
  }

 private:
  const Clock* clock_ = nullptr;
};

template <class Clock>
time_source(const Clock&) -> time_source<Clock>;

}  // namespace larder
