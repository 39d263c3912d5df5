#pragma once

#include <larder/core/error.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

namespace larder::config {

inline std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blank = " \t";
  const std::size_t first = text.find_first_not_of(blank);
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// Whether all of the text is a decimal number, which is then in `number`.
inline bool read_number(std::string_view text, double& number) noexcept {
  if (text.empty() || text.front() == '+') return false;
  for (const char c : text)
    if ((c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '-' && c != '+') return false;  // no "inf", no "nan"
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc() && end == text.data() + text.size();
}

/// A whole number from `least` on; throws `larder::error` that names `subject` for anything else.
inline std::uint64_t parse_count(std::string_view text, std::uint64_t least, std::string_view subject) {
  const std::string_view digits = trimmed(text);
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || failed != std::errc() || end != digits.data() + digits.size() || number < least)
    core::fail(error_cause::invalid_argument, std::string(subject) + ": \"" + std::string(text) +
                                                  "\" is not a whole number from " + std::to_string(least) + " on");
  return number;
}

/// A share above 0 and up to 1, as a decimal number or in per cent; throws likewise.
inline double parse_share(std::string_view text, std::string_view subject) {
  std::string_view digits = trimmed(text);
  const bool percent = digits.ends_with('%');
  if (percent) digits = trimmed(digits.substr(0, digits.size() - 1));
  double share = 0;
  const bool read = read_number(digits, share);
  if (percent) share /= 100;
  if (!read || !(share > 0 && share <= 1))
    core::fail(error_cause::invalid_argument, std::string(subject) + ": \"" + std::string(text) +
                                                  "\" is not a share; write a number above 0 and up to 1, for example 0.9");
  return share;
}

}  // namespace larder::config
