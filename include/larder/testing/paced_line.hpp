#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace larder::testing {

/// A line of fixed bandwidth: says when each slice of bytes may go. Not safe from many threads.
class paced_line {
 public:
  using clock = std::chrono::steady_clock;

  explicit paced_line(std::uint64_t rate = 0) noexcept : bytes_per_second(rate) {}

  std::uint64_t bytes_per_second;  ///< 0: unlimited

  /// When the next `n` bytes have gone through, if they are given to the line now; never in the future of an unlimited one.
  clock::time_point turn_of(std::size_t n) noexcept {
    if (bytes_per_second == 0) return {};  // long ago
    // A sender that was woken late catches up, so that the bandwidth is kept on a busy machine too.
    constexpr std::chrono::milliseconds catch_up{50};
    free_ =
        std::max(free_, clock::now() - catch_up) +
        std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 * static_cast<double>(n) / static_cast<double>(bytes_per_second)));
    return free_;
  }

 private:
  clock::time_point free_{};
};

}  // namespace larder::testing
