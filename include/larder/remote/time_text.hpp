#pragma once

// The two ways in which services write a moment: RFC 3339 (2026-11-20T16:45:57Z) and RFC 1123 (Fri, 20 Nov 2026 16:45:57 GMT);
// and the one in which command lines do, local time without a zone. From 1970 to 2199, so that every result is an `instant`.

#include <larder/core/time.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <optional>
#include <string_view>
#include <system_error>

namespace larder::remote {

/// A day and a time of day, in a zone that the text or the reader knows.
struct calendar_time {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;

  bool valid() const noexcept {
    return year >= 1970 && year < 2200 &&
           std::chrono::year_month_day(std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)).ok() &&
           hour < 24 && minute < 60 && second <= 60;  // 60: a leap second
  }
  /// As time since 1970, taken for UTC.
  instant utc() const noexcept {
    const std::chrono::sys_days date =
        std::chrono::year_month_day(std::chrono::year(year), std::chrono::month(month), std::chrono::day(day));
    return date.time_since_epoch() + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
  }
};

namespace time_text_rules {

/// Takes a number of exactly `digits` digits from the text's front.
template <class Number>
bool take_number(std::string_view& text, std::size_t digits, Number& number) noexcept {
  if (text.size() < digits) return false;
  for (const char c : text.substr(0, digits))
    if (c < '0' || c > '9') return false;
  std::from_chars(text.data(), text.data() + digits, number);
  text.remove_prefix(digits);
  return true;
}
inline bool take(std::string_view& text, std::string_view expected) noexcept {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}
inline bool take_clock(std::string_view& text, calendar_time& time) noexcept {
  return take_number(text, 2, time.hour) && take(text, ":") && take_number(text, 2, time.minute) && take(text, ":") &&
         take_number(text, 2, time.second);
}
/// `2026-11-20`, one of the separators, `16:45:57` and perhaps a fraction, which is passed over.
inline bool take_date_and_clock(std::string_view& text, std::string_view separators, calendar_time& time) noexcept {
  if (!take_number(text, 4, time.year) || !take(text, "-") || !take_number(text, 2, time.month) || !take(text, "-") ||
      !take_number(text, 2, time.day))
    return false;
  if (text.empty() || separators.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  if (!take_clock(text, time)) return false;
  if (take(text, ".")) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return false;
    text.remove_prefix(digits);
  }
  return time.valid();
}

}  // namespace time_text_rules

/// The moment of an RFC 3339 text with its zone (`Z` or an offset), to the second; nothing for any other text.
inline std::optional<instant> parse_rfc3339(std::string_view text) noexcept {
  using namespace time_text_rules;
  calendar_time time;
  if (!take_date_and_clock(text, "Tt ", time)) return std::nullopt;
  if (text == "Z" || text == "z") return time.utc();
  if (text.size() != 6 || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const bool east = text.front() == '+';
  text.remove_prefix(1);
  calendar_time offset;
  if (!take_number(text, 2, offset.hour) || !take(text, ":") || !take_number(text, 2, offset.minute) || offset.hour > 23 ||
      offset.minute > 59)
    return std::nullopt;
  const auto ahead = std::chrono::hours(offset.hour) + std::chrono::minutes(offset.minute);
  return east ? time.utc() - ahead : time.utc() + ahead;
}

/// The moment of an RFC 1123 text (HTTP's `Date`); nothing for any other text. The day's name is not compared with the date.
inline std::optional<instant> parse_rfc1123(std::string_view text) noexcept {
  using namespace time_text_rules;
  constexpr std::array<std::string_view, 7> days{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  calendar_time time;
  if (std::find(days.begin(), days.end(), text.substr(0, 3)) == days.end()) return std::nullopt;
  text.remove_prefix(3);
  if (!take(text, ", ") || !take_number(text, 2, time.day) || !take(text, " ")) return std::nullopt;
  const auto month = std::find(months.begin(), months.end(), text.substr(0, 3));
  if (month == months.end()) return std::nullopt;
  time.month = static_cast<unsigned>(month - months.begin()) + 1;
  text.remove_prefix(3);
  if (!take(text, " ") || !take_number(text, 4, time.year) || !take(text, " ") || !take_clock(text, time) || text != " GMT" ||
      !time.valid())
    return std::nullopt;
  return time.utc();
}

/// The moment of `2026-11-20 16:45:57.000000` in this machine's zone; nothing for any other text. In the hour that occurs
/// twice in autumn it is either.
inline std::optional<instant> parse_local_time(std::string_view text) noexcept {
  calendar_time time;
  if (!time_text_rules::take_date_and_clock(text, "T ", time) || !text.empty()) return std::nullopt;
  std::tm parts{};
  parts.tm_year = time.year - 1900;
  parts.tm_mon = static_cast<int>(time.month) - 1;
  parts.tm_mday = static_cast<int>(time.day);
  parts.tm_hour = time.hour;
  parts.tm_min = time.minute;
  parts.tm_sec = time.second;
  parts.tm_isdst = -1;
  const std::time_t seconds = std::mktime(&parts);
  if (seconds < 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace larder::remote
