#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace simulate {

/// With so many decimals: `0.5312`.
inline std::string decimal(double value, int decimals) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return {text.data(), static_cast<std::size_t>(length)};
}

/// With the shortest text that says this much: `0.1`, `25`, `1.25`.
inline std::string shortest(double value, int digits = 6) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  return {text.data(), static_cast<std::size_t>(length)};
}

/// In groups of three: `1,234,567`.
inline std::string grouped(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

/// In three digits and a unit of a power of 1000: `950`, `18.7 k`, `2.03 M`.
inline std::string rounded(std::uint64_t value) {
  constexpr std::array<const char*, 7> units{"", " k", " M", " G", " T", " P", " E"};
  auto scaled = static_cast<double>(value);
  std::size_t unit = 0;
  while (scaled >= 999.5 && unit + 1 < units.size()) {
    scaled /= 1000;
    ++unit;
  }
  return shortest(scaled, 3) + units[unit];
}

}  // namespace simulate
