#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace larder::observe {

/// How many bytes at the front of a text are one whole character of UTF-8; 0 when they are none.
constexpr std::size_t character_at_front(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  const unsigned second = byte(1);
  const bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool is_too_large = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return is_overlong || is_too_large ? 0 : size;
}

/// f(character) for each character of a text; a byte that belongs to none is U+FFFD.
template <class F>
void for_each_character(std::string_view text, F&& f) {
  while (!text.empty()) {
    const std::size_t size = character_at_front(text);
    f(size == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, size));
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

/// A label's value or a help text as the text format of Prometheus has it between quotes.
inline std::string escaped_label(std::string_view text) {
  std::string out;
  for_each_character(text, [&](std::string_view c) {
    if (c == "\\" || c == "\"")
      (out += '\\') += c;
    else if (c == "\n")
      out += "\\n";
    else
      out += c;
  });
  return out;
}

/// A text as JSON has it between quotes.
inline std::string escaped_json(std::string_view text) {
  std::string out;
  for_each_character(text, [&](std::string_view c) {
    const auto first = static_cast<unsigned char>(c.front());
    if (c == "\\" || c == "\"") {
      (out += '\\') += c;
    } else if (first < 0x20 || first == 0x7f) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(first));
      out += code.data();
    } else {
      out += c;
    }
  });
  return out;
}

}  // namespace larder::observe
