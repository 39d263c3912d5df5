#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace larder::format {

/// Takes the first code point off a text in UTF-8; nothing when the text does not begin with a whole one, and then it stays as it is. Overlong
/// forms, surrogates and what lies above U+10FFFF are none (RFC 3629).
constexpr std::optional<char32_t> take_code_point(std::string_view& text) noexcept {
  if (text.empty()) return std::nullopt;
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (size == 0 || text.size() < size) return std::nullopt;
  char32_t point = size == 1 ? lead : lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0U) != 0x80U) return std::nullopt;
    point = (point << 6U) | (next & 0x3FU);
  }
  const bool overlong = (size == 3 && point < 0x800) || (size == 4 && point < 0x10000);
  if (overlong || (point >= 0xD800 && point < 0xE000) || point > 0x10FFFF) return std::nullopt;
  text.remove_prefix(size);
  return point;
}

constexpr bool is_utf8(std::string_view text) noexcept {
  while (!text.empty())
    if (!take_code_point(text)) return false;
  return true;
}

}  // namespace larder::format
