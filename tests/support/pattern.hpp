#pragma once

#include <larder/core/bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace support {

/// Fills memory with bytes that look random and are the same for the same seed; 8 at a time, since tests ask for much.
inline void fill_with_pattern(std::byte* begin, std::size_t size, std::uint64_t seed) {
  std::uint64_t state = seed;
  for (std::size_t at = 0; at < size; at += sizeof state) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    std::memcpy(begin + at, &state, std::min(sizeof state, size - at));
  }
}
inline std::string pattern(std::size_t size, std::uint32_t seed = 1) {
  std::string text(size, '\0');
  fill_with_pattern(reinterpret_cast<std::byte*>(text.data()), size, seed);
  return text;
}
inline larder::bytes pattern_bytes(std::size_t size, std::uint32_t seed = 1) {
  larder::mutable_bytes made(size);
  fill_with_pattern(made.data(), size, seed);
  return std::move(made).freeze();
}

}  // namespace support
