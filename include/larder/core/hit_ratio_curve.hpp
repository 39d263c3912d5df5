#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace larder {

/// What the capacity of a cache counts.
enum class capacity_unit : std::uint8_t { entries, bytes, weight };

/// What an observer knows of a cache: the hit ratio of an `lru` cache under the same look-ups at capacities from an eighth of
/// today's to eight times as much, in steps of a quarter of a doubling.
struct hit_ratio_curve {
  static constexpr std::size_t steps_per_doubling = 4;
  static constexpr std::size_t today = 3 * steps_per_doubling;
  static constexpr std::size_t points = 2 * today + 1;

  capacity_unit unit = capacity_unit::entries;
  std::uint64_t capacity = 0;               ///< today's
  std::array<double, points> hit_ratios{};  ///< at `capacity_at(capacity, 0)` and so on
  std::uint64_t look_ups = 0;               ///< since the cache was made, reset or given another capacity
  std::uint64_t sampled = 0;                ///< how many of them were followed
  double sampling_rate = 1.0;               ///< the share of the keys that is followed now
  bool settled = false;                     ///< whether that was enough traffic to go by

  /// The capacity of a point, as a multiple of today's.
  static double multiple(std::size_t point) noexcept {
    constexpr std::array<double, steps_per_doubling> steps{1.0, 1.189207115002721, 1.4142135623730951, 1.681792830507429};
    constexpr std::size_t doublings_to_today = today / steps_per_doubling;
    const auto doubled = static_cast<double>(std::uint64_t{1} << (point / steps_per_doubling));
    return doubled / static_cast<double>(std::uint64_t{1} << doublings_to_today) * steps[point % steps_per_doubling];
  }
  /// The capacity of a point, rounded down; at most the largest number.
  static std::uint64_t capacity_at(std::uint64_t capacity, std::size_t point) noexcept {
    constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
    if (point % steps_per_doubling != 0) {
      const double scaled = static_cast<double>(capacity) * multiple(point);
      return scaled < static_cast<double>(largest) ? static_cast<std::uint64_t>(scaled) : largest;
    }
    if (point <= today) return capacity >> ((today - point) / steps_per_doubling);
    const std::size_t doublings = (point - today) / steps_per_doubling;
    return capacity <= largest >> doublings ? capacity << doublings : largest;
  }
};

}  // namespace larder
