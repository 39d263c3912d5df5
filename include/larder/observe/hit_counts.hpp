#pragma once

#include <larder/core/hit_ratio_curve.hpp>
#include <larder/observe/capacity_scale.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace larder::observe {

/// What a cache counted.
struct traffic {
  std::uint64_t look_ups = 0;
  std::uint64_t misses = 0;
};

/// What the followed look-ups would have been at each capacity, and what that says of all.
class hit_counts {
 public:
  static constexpr std::size_t points = hit_ratio_curve::points;
  static constexpr std::uint64_t few = 1000;  // a share of fewer is known to no better than 0.016

  /// Counts anew; this is what the cache counted so far, and whether all keys are followed.
  void begin(const traffic& so_far, bool all_followed) noexcept {
    *this = hit_counts();
    begun_at_ = so_far;
    all_followed_ = all_followed;
  }
  void no_longer_all() noexcept { all_followed_ = false; }

  /// A look-up and what came of it in the cache itself; then one of the three that follow. `each`: how many it stands for.
  void look_up(bool hit, double each) noexcept {
    ++sampled_;
    if (hit) return;
    ++sampled_misses_;
    missed_ += each;
  }
  /// It hits from this capacity on; nowhere when that is `points`.
  void hit_from(std::size_t point, double each) noexcept {
    seen_ += each;
    steps_[point] += each;
  }
  /// It hits where `hits(point)` says so.
  template <class Hits>
  void hit_where(Hits&& hits, double each) noexcept {
    seen_ += each;
    bool before = false;
    for (std::size_t g = 0; g < points; ++g) {
      const bool now = hits(g);
      if (now != before) steps_[g] += now ? each : -each;
      before = now;
    }
  }
  /// It hit, and nobody knows since when the entry had been there.
  void unknown(double each) noexcept { unknown_ += each; }

  /// How many look-ups those of the sample stand for.
  double represented() const noexcept { return seen_ + unknown_; }
  bool enough() const noexcept { return sampled_ >= few; }

  /// The curve; this is what the cache counted in all.
  hit_ratio_curve curve(const traffic& in_all) const noexcept {
    hit_ratio_curve known;
    known.look_ups = in_all.look_ups - std::min(begun_at_.look_ups, in_all.look_ups);
    known.sampled = sampled_;
    double counted = seen_;
    double each = 1;  // misses that one of the sample's stands for
    if (!all_followed_) {
      counted = static_cast<double>(known.look_ups) - unknown_;
      const double misses = static_cast<double>(in_all.misses - std::min(begun_at_.misses, in_all.misses));
      if (sampled_misses_ >= few) each = misses / missed_;
    }
    double hits = 0;
    for (std::size_t g = 0; g < points; ++g) {
      hits += steps_[g];
      known.hit_ratios[g] = counted <= 0 ? 0.0 : std::clamp(1.0 - (seen_ - hits) * each / counted, 0.0, 1.0);
    }
    return known;
  }

 private:
  std::array<double, points + 1> steps_{};  // hits that this capacity has and the one before has not
  double seen_ = 0;                         // look-ups with a distance, or with none because they were the first
  double unknown_ = 0;
  double missed_ = 0;  // look-ups that the cache itself missed
  std::uint64_t sampled_ = 0;
  std::uint64_t sampled_misses_ = 0;
  traffic begun_at_;
  bool all_followed_ = true;
};

}  // namespace larder::observe
