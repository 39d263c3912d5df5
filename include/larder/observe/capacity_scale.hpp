#pragma once

#include <larder/core/hit_ratio_curve.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace larder::observe {

/// The capacities of a `hit_ratio_curve`, as they are and as they are among a share of the keys.
class capacity_scale {
 public:
  static constexpr std::size_t points = hit_ratio_curve::points;

  explicit capacity_scale(std::uint64_t capacity) noexcept { set(capacity, 1.0); }

  /// For today's capacity and the share of the keys that is followed.
  void set(std::uint64_t capacity, double rate) noexcept {
    today_ = capacity;
    rate_ = rate;
    for (std::size_t g = 0; g < points; ++g) {
      capacities_[g] = hit_ratio_curve::capacity_at(capacity, g);
      scaled_[g] = static_cast<double>(capacities_[g]) * rate;
    }
  }

  std::uint64_t today() const noexcept { return today_; }
  double rate() const noexcept { return rate_; }
  std::uint64_t operator[](std::size_t point) const noexcept { return capacities_[point]; }

  /// Whether an entry of this weight is in a cache of a capacity when followed keys of so much weight are newer.
  bool holds(std::size_t point, std::uint64_t own, std::uint64_t newer) const noexcept {
    return needed(own, newer) <= scaled_[point];
  }
  /// The smallest capacity that holds it, `points` when none does; where what is newer counts alike for all.
  std::size_t first_to_hold(std::uint64_t own, std::uint64_t newer) const noexcept {
    const double needs = needed(own, newer);
    if (needs <= scaled_[0]) return 0;
    std::size_t smaller = 0;
    for (const double capacity : scaled_) smaller += capacity < needs ? 1U : 0U;
    return smaller;
  }
  /// How many of the capacities are smaller than this weight; the weight's class.
  std::size_t class_of(std::uint64_t weight) const noexcept {
    if (weight <= capacities_[0]) return 0;
    return static_cast<std::size_t>(std::lower_bound(capacities_.begin(), capacities_.end(), weight) - capacities_.begin());
  }

 private:
  double needed(std::uint64_t own, std::uint64_t newer) const noexcept {
    return static_cast<double>(newer) + static_cast<double>(own) * rate_;
  }

  std::uint64_t today_ = 0;
  double rate_ = 1.0;
  std::array<std::uint64_t, points> capacities_{};
  std::array<double, points> scaled_{};
};

}  // namespace larder::observe
