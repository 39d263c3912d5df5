#pragma once

// Numbers in sentences, files and reports: always with a point, whatever locale the program has chosen.

#include <array>
#include <charconv>
#include <string>
#include <system_error>

namespace larder::core {

/// The shortest text that reads as the same number; `inf` and `nan` for what is none.
inline std::string decimal_text(double number) {
  std::array<char, 32> room{};
  const auto [end, failed] = std::to_chars(room.data(), room.data() + room.size(), number);
  return failed == std::errc() ? std::string(room.data(), end) : std::string("0");
}
/// The number with so many places behind the point (at most 16).
inline std::string decimal_text(double number, int places) {
  std::array<char, 352> room{};
  const auto [end, failed] = std::to_chars(room.data(), room.data() + room.size(), number, std::chars_format::fixed, places);
  return failed == std::errc() ? std::string(room.data(), end) : decimal_text(number);
}

}  // namespace larder::core
