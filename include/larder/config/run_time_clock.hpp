#pragma once

#include <larder/core/time.hpp>
#include <larder/expiry/any_time_source.hpp>

#include <utility>

namespace larder::config {

/// A clock that is chosen at run time, as the caches of a manager borrow it.
class run_time_clock {
 public:
  explicit run_time_clock(any_time_source source) : source_(std::move(source)) {}
  instant now() const { return source_.now(); }

 private:
  any_time_source source_;
};

}  // namespace larder::config
