#pragma once

// Strings of canonical JSON (`canonical_json`): all but printable ASCII as escapes, as Python prints them.

#include <larder/core/error.hpp>
#include <larder/format/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::format {

namespace canonical {

inline void append_unit(std::string& out, std::uint32_t unit) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (unsigned shift = 16; shift != 0;) out += digits[(unit >> (shift -= 4)) & 15U];
}

inline void append_character(std::string& out, char32_t c) {
  switch (c) {
    case U'"':
      out += "\\\"";
      return;
    case U'\\':
      out += "\\\\";
      return;
    case U'\b':
      out += "\\b";
      return;
    case U'\f':
      out += "\\f";
      return;
    case U'\n':
      out += "\\n";
      return;
    case U'\r':
      out += "\\r";
      return;
    case U'\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (c >= 0x20 && c < 0x7F) {
    out += static_cast<char>(c);
  } else if (c < 0x10000) {
    append_unit(out, c);
  } else {
    append_unit(out, 0xD800U + ((c - 0x10000U) >> 10U));
    append_unit(out, 0xDC00U + ((c - 0x10000U) & 0x3FFU));
  }
}

}  // namespace canonical

/// A string as canonical JSON has it, with its quotes. Throws `larder::error` (invalid_argument) when it is not UTF-8; `out` is unchanged then.
inline void append_canonical_text(std::string& out, std::string_view utf8) {
  const std::size_t before = out.size();
  out += '"';
  while (!utf8.empty()) {
    const std::optional<char32_t> c = take_code_point(utf8);
    if (!c) {
      out.resize(before);
      core::fail(error_cause::invalid_argument,
                 "a text for canonical JSON is not UTF-8; encode bytes as base64 or hexadecimal digits first");
    }
    canonical::append_character(out, *c);
  }
  out += '"';
}

}  // namespace larder::format
