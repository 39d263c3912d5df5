#pragma once

#include <larder/config/number_text.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/format/nearest_name.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace larder::config {

struct period_unit {
  std::string_view name;
  std::int64_t nanoseconds;
  std::string_view word;  ///< in full, as people write it
};

inline constexpr std::array<period_unit, 7> period_units{{{"d", 86'400'000'000'000, "day"},
                                                          {"h", 3'600'000'000'000, "hour"},
                                                          {"min", 60'000'000'000, "minute"},
                                                          {"s", 1'000'000'000, "second"},
                                                          {"ms", 1'000'000, "millisecond"},
                                                          {"us", 1'000, "microsecond"},
                                                          {"ns", 1, "nanosecond"}}};

/// The unit that a word stands for, such as `min` for `Minutes` and `mins`; empty when it stands for none.
inline std::string_view unit_meant(std::string_view written) {
  const std::string whole = format::compared_name(written);
  std::string_view word = whole;
  if (word.size() > 1 && word.ends_with('s')) word.remove_suffix(1);
  for (const period_unit& unit : period_units)
    if (whole == unit.name || (!word.empty() && unit.word.starts_with(word))) return unit.name;
  return {};
}

/// A period longer than zero: `300`, `300s`, `5min`, `1.5 h`, `7d`, `250ms`; a bare number counts seconds. Throws `larder::error` that
/// names `subject` for anything else.
inline duration parse_period(std::string_view text, std::string_view subject) {
  const auto refuse = [&](std::string_view why) {
    core::fail(error_cause::invalid_argument, std::string(subject) + ": \"" + std::string(text) + "\" " + std::string(why) +
                                                  "; write seconds, or a number and one of d, h, min, s, ms, us, ns");
  };
  const std::string_view whole = trimmed(text);
  const std::size_t digits = std::min(whole.find_first_not_of("0123456789."), whole.size());
  double count = 0;
  if (!read_number(whole.substr(0, digits), count)) refuse(whole.starts_with('-') ? "is negative" : "is not a period");
  const std::string_view name = trimmed(whole.substr(digits));
  for (const period_unit& unit : period_units) {
    if (unit.name != (name.empty() ? std::string_view("s") : name)) continue;
    std::int64_t exact = 0;  // whole numbers are not rounded, however large
    const auto [end, failed] = std::from_chars(whole.data(), whole.data() + digits, exact);
    const bool is_whole = failed == std::errc() && end == whole.data() + digits;
    const double nanoseconds = count * static_cast<double>(unit.nanoseconds);
    if (is_whole ? exact > duration::max().count() / unit.nanoseconds : nanoseconds >= 9.2e18) refuse("is longer than 292 years");
    if (is_whole ? exact == 0 : nanoseconds < 1) refuse("is no time at all");
    return duration(is_whole ? exact * unit.nanoseconds : static_cast<std::int64_t>(nanoseconds + 0.5));
  }
  const std::string_view meant = unit_meant(name);
  refuse("has the unknown unit \"" + std::string(name) + "\"" +
         (meant.empty() ? "" : ", for which larder has " + std::string(meant)));
  return {};
}

/// In the largest unit of which it is a whole number.
inline std::string period_text(duration period) {
  for (const period_unit& unit : period_units)
    if (period.count() % unit.nanoseconds == 0) return std::to_string(period.count() / unit.nanoseconds) + std::string(unit.name);
  return std::to_string(period.count()) + "ns";
}

}  // namespace larder::config
