#pragma once

#include <larder/core/time.hpp>
#include <larder/observe/escaped_text.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace larder {

/// What can become of a key.
enum class key_change : std::uint8_t {
  inserted,  ///< it was not there, and is now
  replaced,  ///< its value went for a newer one, or for one that was refused
  refused,   ///< a put of it was not stored
  evicted,   ///< it left for want of room
  expired,   ///< it left because its time was over
  erased,    ///< it left by erase, erase_if, erase_prefix or clear
};

/// The change as one lower-case word.
constexpr std::string_view to_string(key_change change) noexcept {
  constexpr std::array<std::string_view, 6> names{"inserted", "replaced", "refused", "evicted", "expired", "erased"};
  return names[static_cast<std::size_t>(change)];
}

/// One change in the life of a key, as `cache::history` tells it.
struct key_event {
  key_change change = key_change::inserted;
  instant when{0};           ///< time of day
  std::uint64_t weight = 0;  ///< of the value that came or left
  bool has_maker = false;    ///< whether it is known for whose put it left
  std::uint64_t maker = 0;   ///< the hash of that key, as `cache::hash_of` gives it for caches in memory
  std::string maker_text;    ///< that key, where it is text or a number, at most 64 characters; empty where it is not known

  /// `2026-11-29 17:20:01.042 UTC evicted (weight 12) for "other"`: one line, the key as JSON has it between quotes.
  std::string text() const {
    const auto days = std::chrono::floor<std::chrono::days>(when);
    const std::chrono::year_month_day date{std::chrono::sys_days(days)};
    const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::milliseconds>(when - days));
    std::array<char, 80> begin{};
    std::snprintf(begin.data(), begin.size(), "%04d-%02u-%02u %02d:%02d:%02d.%03d UTC ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                  static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                  static_cast<int>(time.subseconds().count()));
    std::string made = begin.data();
    made += to_string(change);
    made += " (weight " + std::to_string(weight) + ")";
    if (!has_maker) return made;
    if (!maker_text.empty()) return made + " for \"" + observe::escaped_json(maker_text) + "\"";
    std::array<char, 32> hash{};
    std::snprintf(hash.data(), hash.size(), "%016llx", static_cast<unsigned long long>(maker));
    return made + " for the key of hash " + hash.data();
  }
};

}  // namespace larder
