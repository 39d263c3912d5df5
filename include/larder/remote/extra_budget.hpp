#pragma once

// How many requests beyond the asked ones may be sent: a share of those of late. Without it every client repeats each request when the server
// can least bear it, and the load is multiplied by the number of tries. The window slides in tenths. Source: Finagle's RetryBudget.

#include <array>
#include <chrono>
#include <cstdint>

namespace larder::remote {

/// Allows extra requests up to a share of the requests within a sliding window, and always `floor` of them. For one thread at a time.
class extra_budget {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// A share of 0.1 is one extra request per ten.
  extra_budget(double share, unsigned floor, std::chrono::steady_clock::duration window) noexcept
      : share_(share),
        floor_(floor),
        slice_(window / slices > window.zero() ? window / slices : std::chrono::steady_clock::duration(1)) {}

  void note_request(time_point now) noexcept { ++at(now).requests; }
  /// Whether one more may be sent; it counts at once.
  bool take(time_point now) noexcept {
    slice& current = at(now);
    std::uint64_t requests = 0;
    std::uint64_t extras = 0;
    for (const slice& s : slices_)
      if (s.number > current.number - slices && s.number <= current.number) {
        requests += s.requests;
        extras += s.extras;
      }
    if (extras >= floor_ && static_cast<double>(extras + 1) > share_ * static_cast<double>(requests)) return false;
    ++current.extras;
    return true;
  }

 private:
  static constexpr std::int64_t slices = 10;
  struct slice {
    std::int64_t number = -slices;
    std::uint64_t requests = 0;
    std::uint64_t extras = 0;
  };

  slice& at(time_point now) noexcept {
    const std::int64_t number = now.time_since_epoch() / slice_;
    slice& s = slices_[static_cast<std::size_t>(number % slices)];
    if (s.number != number) s = {number, 0, 0};
    return s;
  }

  double share_;
  std::uint64_t floor_;
  std::chrono::steady_clock::duration slice_;
  std::array<slice, slices> slices_{};
};

}  // namespace larder::remote
