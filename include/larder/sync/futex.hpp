#pragma once

#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace larder::sync {

/// Sleeps while the number is `expected`, until `futex_wake` or for so long; may return early. The number may lie in memory that
/// processes share.
inline void futex_wait(const std::uint32_t* number, std::uint32_t expected, std::chrono::nanoseconds longest) noexcept {
  timespec time{};
  time.tv_sec = static_cast<time_t>(longest.count() / 1'000'000'000);
  time.tv_nsec = static_cast<long>(longest.count() % 1'000'000'000);
  ::syscall(SYS_futex, number, FUTEX_WAIT, expected, &time, nullptr, 0);
}

/// Wakes everybody who sleeps at the number.
inline void futex_wake(const std::uint32_t* number) noexcept { ::syscall(SYS_futex, number, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0); }

}  // namespace larder::sync
