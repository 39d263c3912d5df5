#pragma once

#include <larder/core/time.hpp>
#include <larder/expiry/time_source.hpp>

#include <functional>

namespace larder {

/// A `time_source` whose clock is chosen at run time, for settings: `.time = larder::time_source{clock}`. Not named: the time of day.
class any_time_source {
 public:
  any_time_source() : any_time_source(time_source<wall_time>{}) {}
  template <class Clock>
  any_time_source(const time_source<Clock>& source) : now_([source] { return source.now(); }) {}

  instant now() const { return now_(); }

 private:
  std::function<instant()> now_;
};

}  // namespace larder
