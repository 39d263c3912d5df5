#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <string_view>

namespace larder::core {

/// How many letters must be put in, left out, replaced or swapped with their neighbour to make one name the other; no letter is
/// edited twice (optimal string alignment). Names of up to 64 bytes; else as many as there are.
inline std::size_t edit_distance(std::string_view a, std::string_view b) noexcept {
  constexpr std::size_t longest = 64;
  if (a.size() > longest || b.size() > longest) return std::max(a.size(), b.size());
  using distances = std::array<std::size_t, longest + 1>;
  distances before{};  // the row of two letters ago, which a swap goes back to
  distances above{};
  distances row{};
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    before = above;
    above = row;
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({above[j] + (a[i] == b[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace larder::core
