#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace support {

/// A text with changes that a fuzzer makes up: for each a byte that says what is done, two for where, and what the change needs. From something
/// that is right it gets further than from nothing.
inline std::string changed_text(std::string text, std::span<const std::uint8_t> changes) {
  while (changes.size() >= 4) {
    const unsigned what = changes[0] & 7U;
    const std::size_t size = changes[3];
    const std::size_t at = text.empty() ? 0 : (changes[1] | static_cast<std::size_t>(changes[2]) << 8U) % (text.size() + 1);
    changes = changes.subspan(4);
    const std::size_t given = std::min(size, changes.size());
    const std::string piece(changes.begin(), changes.begin() + static_cast<std::ptrdiff_t>(given));
    if (what == 0) {
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ static_cast<char>(size));
    } else if (what == 1) {
      text.erase(at, size);
    } else if (what == 2) {
      text.insert(at, text.substr(at, size));  // twice
    } else if (what == 3) {
      text.resize(at);
    } else if (what == 4) {
      text.append(size, '\0');
    } else {
      text.replace(at, what == 5 ? 0 : given, piece);
      changes = changes.subspan(given);
    }
    if (text.size() > std::size_t{1} << 20U) break;
  }
  return text;
}

}  // namespace support
