#pragma once

#include <larder/core/edit_distance.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace simulate {

/// The name closest to what was written, as people misspell: without regard to case, _ and -. Empty when there is none.
inline std::string_view nearest_name(std::string_view written, std::span<const std::string_view> names) {
  const auto letters = [](std::string_view text) {
    std::string result;
    for (const char c : text)
      if (c != '_' && c != '-') result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return result;
  };
  std::string_view best;
  std::size_t fewest = 0;
  for (const std::string_view name : names) {
    const std::size_t apart = larder::core::edit_distance(letters(written), letters(name));
    if (best.empty() || apart < fewest) {
      best = name;
      fewest = apart;
    }
  }
  return best;
}

}  // namespace simulate
