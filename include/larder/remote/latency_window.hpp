#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

namespace larder::remote {

/// The last 512 latencies, and a quantile of them that is worked out anew for every 32nd. For one thread at a time; 8 KiB.
class latency_window {
 public:
  using duration = std::chrono::steady_clock::duration;

  /// `quantile` is in (0, 1]; nothing is said before `samples` latencies have come (at most 512).
  latency_window(double quantile, std::size_t samples) noexcept
      : quantile_(quantile), samples_(std::min(std::max<std::size_t>(samples, 1), size)) {}

  void add(duration latency) {
    ring_[at_] = latency;
    at_ = (at_ + 1) % size;
    count_ = std::min(count_ + 1, size);
    if (count_ < samples_ || (known_ && ++since_ < 32)) return;
    since_ = 0;
    std::array<duration, size> sorted = ring_;
    const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto rank = std::min(count_ - 1, static_cast<std::size_t>(quantile_ * static_cast<double>(count_)));
    const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(sorted.begin(), place, end);
    known_ = *place;
  }
  std::optional<duration> value() const noexcept { return known_; }

 private:
  static constexpr std::size_t size = 512;

  double quantile_;
  std::size_t samples_;
  std::array<duration, size> ring_{};
  std::size_t at_ = 0;
  std::size_t count_ = 0;
  std::size_t since_ = 0;
  std::optional<duration> known_;
};

}  // namespace larder::remote
