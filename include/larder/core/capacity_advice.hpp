#pragma once

#include <larder/core/hit_ratio_curve.hpp>
#include <larder/core/units.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace larder {

/// How much there is to go by.
enum class advice_state : std::uint8_t {
  not_observed,        ///< the cache has no `miss_ratio_curve`
  too_little_traffic,  ///< ask again later
  ready,
};

/// A capacity and the hit ratio that an `lru` cache of it would have.
struct capacity_point {
  double multiple = 0;  ///< of today's capacity
  std::uint64_t capacity = 0;
  double hit_ratio = 0;
};

/// The answer to "how large should this cache be?", from the look-ups that it had: what `cache_stats::advice()` gives. Hit ratios are
/// those of an `lru` cache; other orders mostly do better at each of the capacities. A difference of 0.01 counts as none.
struct capacity_advice {
  static constexpr double difference = 0.01;

  advice_state state = advice_state::not_observed;
  capacity_unit unit = capacity_unit::entries;
  std::array<capacity_point, 7> curve{};  ///< at 1/8, 1/4, 1/2, 1, 2, 4 and 8 times today's capacity
  capacity_point today;
  capacity_point doubled;
  capacity_point smallest_as_good;  ///< today or the smallest capacity that hits no less than today's
  capacity_point enough;            ///< the smallest capacity from which eight times today's gains nothing
  std::uint64_t look_ups = 0;       ///< that this rests on

  capacity_advice() = default;
  explicit capacity_advice(const hit_ratio_curve& known)
      : state(known.settled ? advice_state::ready : advice_state::too_little_traffic),
        unit(known.unit),
        look_ups(known.look_ups) {
    constexpr std::size_t now = hit_ratio_curve::today;
    constexpr std::size_t last = hit_ratio_curve::points - 1;
    const auto at = [&](std::size_t point) {
      return capacity_point{hit_ratio_curve::multiple(point), hit_ratio_curve::capacity_at(known.capacity, point),
                            known.hit_ratios[point]};
    };
    for (std::size_t i = 0; i < curve.size(); ++i) curve[i] = at(i * hit_ratio_curve::steps_per_doubling);
    today = smallest_as_good = at(now);
    doubled = at(now + hit_ratio_curve::steps_per_doubling);
    enough = at(last);
    for (std::size_t point = now; point-- > 0;)
      if (known.hit_ratios[point] > known.hit_ratios[now] - difference) smallest_as_good = at(point);
    double best = known.hit_ratios[last];  // of what is as large or larger
    for (std::size_t point = last; point-- > 0;) {
      best = std::max(best, known.hit_ratios[point]);
      if (known.hit_ratios[point] <= best - difference) break;
      enough = at(point);
    }
  }

  explicit operator bool() const noexcept { return state == advice_state::ready; }
  /// What doubling the capacity would add to the hit ratio.
  double gain_of_doubling() const noexcept { return doubled.hit_ratio - today.hit_ratio; }

  /// All of it in one sentence.
  std::string text() const {
    switch (state) {
      case advice_state::not_observed:
        return "this cache is not observed: name larder::miss_ratio_curve{} when it is made, and the look-ups tell how large it "
               "should be";
      case advice_state::too_little_traffic:
        return "not enough traffic yet to say how large this cache should be: " + std::to_string(look_ups) + " look-ups so far";
      case advice_state::ready:
        break;
    }
    const std::string now = size_text(today.capacity);
    if (enough.multiple <= 1.0) {
      const std::string nothing = "nothing is gained beyond today's " + now + " (hit ratio " + ratio_text(today.hit_ratio) + ")";
      return smallest_as_good.multiple < 1.0 ? nothing + "; " + size_text(smallest_as_good.capacity) + " would do as well"
                                             : nothing;
    }
    const std::string last = size_text(enough.capacity);
    const bool rises = enough.multiple >= curve.back().multiple;
    const auto raise = [&](const capacity_point& to) {
      return " would raise the hit ratio from " + ratio_text(today.hit_ratio) + " to " + ratio_text(to.hit_ratio);
    };
    if (gain_of_doubling() < difference)
      return "doubling gains nothing, but " + last + raise(enough) + (rises ? "" : ", and more gains nothing");
    return "doubling to " + size_text(doubled.capacity) + raise(doubled) +
           (rises ? "; it still rises at " + last + " (" + ratio_text(enough.hit_ratio) + ")"
                  : "; beyond " + last + " nothing is gained");
  }

 private:
  std::string size_text(std::uint64_t capacity) const {
    if (unit == capacity_unit::bytes) return format_size(capacity);
    return std::to_string(capacity) + (unit == capacity_unit::entries ? " entries" : "");
  }
  static std::string ratio_text(double ratio) {
    const auto hundredths = static_cast<unsigned>(ratio * 100.0 + 0.5);
    const std::string digits = std::to_string(hundredths % 100);
    return std::to_string(hundredths / 100) + (digits.size() == 1 ? ".0" : ".") + digits;
  }
};

}  // namespace larder
