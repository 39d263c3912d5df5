#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>  // the durations and clocks of std::chrono, which its locks take, without the calendar that <chrono> costs every file

namespace larder {

/// Durations and moments are nanoseconds; a moment counts from the epoch of the clock that told it.
using duration = std::chrono::nanoseconds;
using instant = std::chrono::nanoseconds;

/// The moment that means "never" where an entry has no deadline.
inline constexpr instant no_deadline = instant::max();

/// Time since boot: what caches in memory use unless told otherwise. Never jumps.
struct steady_time {
  static instant now() noexcept { return std::chrono::steady_clock::now().time_since_epoch(); }
};

/// Time of day: what storages that outlive the process use unless told otherwise.
struct wall_time {
  static instant now() noexcept { return std::chrono::system_clock::now().time_since_epoch(); }
};

/// A clock that moves only when told to; for tests. Threads may read it while one moves it.
class manual_clock {
 public:
  manual_clock() noexcept = default;
  explicit manual_clock(instant start) noexcept : now_(start.count()) {}
  manual_clock(const manual_clock&) = delete;
  manual_clock& operator=(const manual_clock&) = delete;

  instant now() const noexcept { return instant{now_.load(std::memory_order_acquire)}; }
  void advance(duration d) noexcept { now_.fetch_add(d.count(), std::memory_order_acq_rel); }
  void set(instant moment) noexcept { now_.store(moment.count(), std::memory_order_release); }
  manual_clock& operator+=(duration d) noexcept {
    advance(d);
    return *this;
  }

 private:
  std::atomic<std::int64_t> now_{0};
};

namespace core {

/// What a clock's `now()` says, as an instant: durations as they are, time points since their epoch.
template <class Now>
  requires requires(const Now& now) { std::chrono::duration_cast<instant>(now); } ||
           requires(const Now& now) { std::chrono::duration_cast<instant>(now.time_since_epoch()); }
constexpr instant to_instant(const Now& now) {
  if constexpr (requires { now.time_since_epoch(); })
    return std::chrono::duration_cast<instant>(now.time_since_epoch());
  else
    return std::chrono::duration_cast<instant>(now);
}

/// `start + span`, or `no_deadline` when that is beyond what an instant can hold.
constexpr instant deadline_after(instant start, duration span) noexcept {
  if (span.count() > 0 && start.count() > instant::max().count() - span.count()) return no_deadline;
  return start + span;
}

}  // namespace core
}  // namespace larder
