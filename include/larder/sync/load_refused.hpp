#pragma once

// Why a load is refused, in the same words for every form of loading.

#include <larder/core/error.hpp>

#include <stop_token>

namespace larder::sync {

[[noreturn]] inline void refuse_reentrant() {
  core::fail(error_cause::reentrant,
             "a loader asked, directly or through another load, for the key that it is loading; load the parts under keys of "
             "their own");
}

inline void refuse_when_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) core::fail(error_cause::cancelled, "a load was not begun because a stop was requested");
}

}  // namespace larder::sync
