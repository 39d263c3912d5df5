#pragma once

#include "simulate/number_text.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace top {

/// How fast a counter grows from look to look.
class rate {
 public:
  using clock = std::chrono::steady_clock;

  /// Per second since the last look; nothing at the first, or after it began anew.
  std::optional<double> per_second(std::uint64_t n, clock::time_point now) {
    std::optional<double> found;
    const double seconds = std::chrono::duration<double>(now - at_).count();
    if (is_known_ && n >= before_ && seconds > 0) found = static_cast<double>(n - before_) / seconds;
    is_known_ = true;
    before_ = n;
    at_ = now;
    return found;
  }
  /// ` (12 per second)`; empty at the first look.
  std::string text(std::uint64_t n, clock::time_point now) {
    const std::optional<double> speed = per_second(n, now);
    return speed ? " (" + simulate::rounded(static_cast<std::uint64_t>(*speed + 0.5)) + " per second)" : std::string();
  }

 private:
  bool is_known_ = false;
  std::uint64_t before_ = 0;
  clock::time_point at_{};
};

}  // namespace top
