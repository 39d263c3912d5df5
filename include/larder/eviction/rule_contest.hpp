#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace larder::eviction {

/// Which of n caches that see the same requests hits most of late, with hysteresis. A request counts less with each one after
/// it (`horizon`). The leader changes when another has more hits by an amount that
/// * chance would not explain: two standard deviations of as many coin flips as there were requests that only one of both hit,
///   and one hit;
/// * pays for the change, which throws out what the old rule has gathered: the caller's `cost` of changing from one to another.
/// A request that all hit, or none, costs two additions.
template <std::size_t n>
class rule_contest {
 public:
  using hit_set = std::uint32_t;
  static_assert(n < 32);

  std::size_t leader() const noexcept { return leader_; }
  std::uint64_t changes() const noexcept { return changes_; }
  /// How many requests count, those further back in part.
  double requests() const noexcept { return requests_ / unit_; }
  double hit_ratio(std::size_t i) const noexcept { return requests_ == 0 ? 0 : (hits_of_all_ + hits_[i]) / requests_; }

  /// Counts a request that the caches in the set hit. `cost(from, to)` is in hits.
  template <class Cost>
  void add(hit_set hits, double horizon, const Cost& cost) noexcept {
    unit_ *= 1 + 1 / horizon;  // a newer request weighs more, instead of all others less
    requests_ += unit_;
    if (unit_ > largest_unit) rescale();
    if (hits == everyone) hits_of_all_ += unit_;
    if (hits == everyone || hits == 0) return;
    for (std::size_t i = 0; i < n; ++i) {
      if (!contains(hits, i)) continue;
      hits_[i] += unit_;
      for (std::size_t j = 0; j < n; ++j)
        if (!contains(hits, j)) differed_[std::min(i, j)][std::max(i, j)] += unit_;
    }
    const auto best = static_cast<std::size_t>(std::max_element(hits_.begin(), hits_.end()) - hits_.begin());
    if (best == leader_) return;
    const double more = (hits_[best] - hits_[leader_]) / unit_;
    const double differed = differed_[std::min(best, leader_)][std::max(best, leader_)] / unit_;
    if (more <= 1 || (more - 1) * (more - 1) <= 4 * differed || more <= cost(leader_, best)) return;
    leader_ = best;
    ++changes_;
  }

 private:
  static constexpr hit_set everyone = (hit_set{1} << n) - 1;
  static constexpr double largest_unit = 1e12;

  static bool contains(hit_set set, std::size_t i) noexcept { return (set >> i & 1U) != 0; }

  void rescale() noexcept {
    for (double& each : hits_) each /= unit_;
    for (auto& row : differed_)
      for (double& each : row) each /= unit_;
    requests_ /= unit_;
    hits_of_all_ /= unit_;
    unit_ = 1;
  }

  std::array<double, n> hits_{};                     // those that not all hit
  std::array<std::array<double, n>, n> differed_{};  // requests that one of both hit
  double requests_ = 0;
  double hits_of_all_ = 0;
  double unit_ = 1;  // weight of the newest request
  std::size_t leader_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace larder::eviction
