#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace larder::remote {

/// What tells transports the time and lets them wait. Another type with the same members takes its place in tests, so that they wait for nothing.
struct steady_timing {
  using time_point = std::chrono::steady_clock::time_point;

  static time_point now() noexcept { return std::chrono::steady_clock::now(); }
  /// For what servers give as a date.
  static std::chrono::system_clock::time_point time_of_day() noexcept { return std::chrono::system_clock::now(); }

  /// Waits until `done()`, which is asked under the lock whenever `changed` is notified, or until that moment, or until a stop is requested.
  /// What `done()` says in the end.
  template <class Done>
  static bool wait(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
                   time_point until, Done&& done) {
    if (until == time_point::max()) return changed.wait(lock, stop, std::forward<Done>(done));
    return changed.wait_until(lock, stop, until, std::forward<Done>(done));
  }
};

}  // namespace larder::remote
