#pragma once

// Cuts content where it says so itself, so that what is inserted in one place moves no cut behind it.
//
// A gear hash over the last bytes, cut where some of its bits are zeros: more of them before the wanted size, fewer behind it, so that sizes stay near
// it (W. Xia et al., "FastCDC: a fast and efficient content-defined chunking approach for data deduplication", USENIX ATC 2016). One table look-up, shift and
// add a byte. For content of which nothing else is known; where a format says what belongs together, cut there.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace larder::artifacts {

/// Any fixed random numbers; others would cut everything anew.
inline constexpr std::array<std::uint64_t, 256> gear_table = [] {
  std::array<std::uint64_t, 256> numbers{};
  std::uint64_t state = 0x6c61726465720001U;
  for (std::uint64_t& number : numbers) {  // splitmix64
    std::uint64_t z = state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27U) * 0x94d049bb133111ebU;
    number = z ^ z >> 31U;
  }
  return numbers;
}();

struct gear_chunks {
  static constexpr std::size_t least = std::size_t{4} << 10U;
  static constexpr std::size_t wanted = std::size_t{16} << 10U;
  static constexpr std::size_t most = std::size_t{64} << 10U;

  /// How long the first chunk of some content is. `content` is all that is left of it, or at least `most` bytes.
  static std::size_t first_of(std::span<const std::byte> content) noexcept {
    if (content.size() <= least) return content.size();
    const std::size_t normal = std::min(content.size(), wanted);
    const std::size_t end = std::min(content.size(), most);
    std::uint64_t hash = 0;
    std::size_t at = least;
    for (; at < normal; ++at) {
      hash = (hash << 1U) + gear_table[std::to_integer<std::size_t>(content[at])];
      if ((hash & rare) == 0) return at + 1;
    }
    for (; at < end; ++at) {
      hash = (hash << 1U) + gear_table[std::to_integer<std::size_t>(content[at])];
      if ((hash & common) == 0) return at + 1;
    }
    return end;
  }

 private:
  // The high bits have seen the most bytes. One cut in 2^16 places, in 2^12 behind the wanted size.
  static constexpr std::uint64_t rare = ~std::uint64_t{0} << 48U;
  static constexpr std::uint64_t common = ~std::uint64_t{0} << 52U;
};

}  // namespace larder::artifacts
