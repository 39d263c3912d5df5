#pragma once

#include <larder/observe/metrics.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace support {

/// Which words of a stats struct, from `begin` to `end` in bytes, make no difference to what is exported when they change: none when its
/// `visit_metrics` names every figure. A struct of counters, times and doubles has nothing else in them.
template <class Stats>
std::vector<std::size_t> words_not_shown(std::size_t begin, std::size_t end) {
  const auto shown = [](const Stats& stats) {
    larder::metrics all;
    all.add("x", stats);
    return std::vector<std::string>{all.prometheus(), all.json()};
  };
  const std::vector<std::string> before = shown(Stats{});
  std::vector<std::size_t> missing;
  for (std::size_t at = begin; at + sizeof(std::uint64_t) <= end; at += sizeof(std::uint64_t)) {
    Stats changed{};
    const std::uint64_t half = 0x3fe0000000000000U;  // 0.5 as a double, and a time and a count as good as others
    std::memcpy(reinterpret_cast<std::byte*>(&changed) + at, &half, sizeof half);
    const std::vector<std::string> after = shown(changed);
    if (after[0] == before[0] || after[1] == before[1]) missing.push_back(at);
  }
  return missing;
}
template <class Stats>
std::vector<std::size_t> words_not_shown() {
  return words_not_shown<Stats>(0, sizeof(Stats));
}

}  // namespace support
