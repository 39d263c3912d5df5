#pragma once

#include <larder/artifact/resolution_entry.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/format/tensor_name.hpp>
#include <larder/remote/environment.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

namespace larder::artifacts {

enum class resolution_age : std::uint8_t {
  holds,
  grace,  ///< for when the provider cannot be reached
  over,
};

/// 0 for what is younger than now: clocks of machines differ. At most what a duration holds, whatever an entry says of its time.
inline duration age_at(instant now, instant created) noexcept {
  if (now <= created) return duration::zero();
  std::int64_t age = 0;
  return __builtin_sub_overflow(now.count(), created.count(), &age) ? duration::max() : duration(age);
}

inline std::string minutes_text(duration span) {
  return span == duration::max() ? "for ever"
                                 : std::to_string(std::chrono::duration_cast<std::chrono::minutes>(span).count()) + " minutes";
}

/// How long answers hold.
class resolution_ages {
 public:
  /// Throws `larder::error` (invalid_argument) when one is negative.
  resolution_ages(duration expiry, duration negative_expiry, duration grace)
      : expiry_(checked(expiry, "expiry")),
        negative_expiry_(checked(negative_expiry, "negative_expiry")),
        grace_(checked(grace, "grace")) {}

  duration expiry() const noexcept { return expiry_; }

  /// An answer holds up to its expiry and at it. One from a later time than there can be does not: its age is not known.
  resolution_age state_of(const resolution_entry& entry, instant now) const noexcept {
    constexpr duration clocks_differ = std::chrono::minutes(5);
    if (entry.created > core::deadline_after(now, clocks_differ)) return resolution_age::over;
    const duration age = age_at(now, entry.created);
    if (!entry.value)
      return age <= negative_expiry_ && negative_expiry_ > duration::zero() ? resolution_age::holds : resolution_age::over;
    if (age <= expiry_) return resolution_age::holds;
    return age <= core::deadline_after(expiry_, grace_) ? resolution_age::grace : resolution_age::over;
  }

  /// "10 minutes old; answers hold 1440 minutes".
  std::string text_of(const resolution_entry& entry, instant now) const {
    return minutes_text(age_at(now, entry.created)) + " old; " +
           (entry.value ? "answers hold " + minutes_text(expiry_) : "that there is none holds " + minutes_text(negative_expiry_));
  }

  /// The expiry that the environment asks for, or a day. Throws `larder::error` (invalid_argument) when that is no number of minutes.
  static duration expiry_from(const remote::environment_reader& environment) {
    constexpr const char* name = "AUTO_LOADER_CACHE_EXPIRATION_MINUTES";
    constexpr std::uint64_t a_day = 1440;
    std::uint64_t minutes = a_day;
    if (const std::optional<std::string> set = environment(name)) {
      const auto [end, failed] = std::from_chars(set->data(), set->data() + set->size(), minutes);
      if (failed != std::errc{} || end != set->data() + set->size())
        core::fail(error_cause::invalid_argument, std::string(name) + " is " + format::printable_name(*set) +
                                                      ", and is to be a whole number of minutes; set it to 1440, or not at all");
    }
    constexpr std::uint64_t a_minute = 60'000'000'000;
    constexpr auto longest = static_cast<std::uint64_t>(duration::max().count());
    return minutes > longest / a_minute ? duration::max() : duration(static_cast<std::int64_t>(minutes * a_minute));
  }

 private:
  static duration checked(duration given, const char* name) {
    if (given < duration::zero())
      core::fail(error_cause::invalid_argument, std::string(name) + " of a resolution_cache is " + std::to_string(given.count()) +
                                                    " ns, and must not be negative; 0 is the least");
    return given;
  }

  duration expiry_, negative_expiry_, grace_;
};

}  // namespace larder::artifacts
