#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/time.hpp>

#include <concepts>
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
  template <std::same_as<Clock> Temporary>
    requires(!std::is_empty_v<Clock>)
  explicit time_source(const Temporary&&) {  // it would be gone before the cache asks it
    static_assert(!std::is_same_v<Temporary, Clock>,
                  "larder: time_source borrows a clock that has state, so name the clock first and pass the variable");
  }

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
