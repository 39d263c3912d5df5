#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace simulate {

/// How many letters must be changed, added or dropped to turn one text into the other (Levenshtein).
inline std::size_t letters_apart(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

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
    const std::size_t apart = letters_apart(letters(written), letters(name));
    if (best.empty() || apart < fewest) {
      best = name;
      fewest = apart;
    }
  }
  return best;
}

}  // namespace simulate
