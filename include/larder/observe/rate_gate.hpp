#pragma once

#include <larder/core/time.hpp>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

namespace larder::observe {

/// Lets so many through per second on average, and a burst of so many after a silence. Safe from many threads.
class rate_gate {
 public:
  rate_gate(double per_second, double burst) : per_second_(per_second), burst_(std::max(burst, 1.0)), left_(burst_) {}

  /// How many were held back since the last one that went through; nothing when this one is held back, too.
  std::optional<std::uint64_t> pass(instant now) noexcept {
    const std::lock_guard lock(mutex_);
    if (seen_) {
      const double seconds = std::max(0.0, static_cast<double>((now - last_).count()) * 1e-9);
      left_ = std::min(burst_, left_ + seconds * per_second_);
    }
    seen_ = true;
    last_ = std::max(last_, now);
    if (left_ < 1.0) {
      ++held_back_;
      return std::nullopt;
    }
    left_ -= 1.0;
    return std::exchange(held_back_, 0);
  }

 private:
  const double per_second_;
  const double burst_;
  std::mutex mutex_;
  double left_;
  bool seen_ = false;
  instant last_{0};
  std::uint64_t held_back_ = 0;
};

}  // namespace larder::observe
