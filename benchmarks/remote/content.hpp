#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>

namespace bench {

/// What the objects hold: a number in every word that tells its place.
inline std::uint64_t word_at(std::uint64_t index) noexcept { return index * 0x9e3779b97f4a7c15U + 1; }

inline void fill(std::span<std::byte> room) noexcept {
  for (std::size_t at = 0; at + 8 <= room.size(); at += 8) {
    const std::uint64_t word = word_at(at / 8);
    std::memcpy(room.data() + at, &word, 8);
  }
}

/// Throws std::runtime_error unless a word of each 4 KiB is the right one: nobody wins by being wrong, and the check costs nobody much.
inline void check(std::span<const std::byte> got, std::size_t size) {
  if (got.size() != size) throw std::runtime_error("an object of another size came");
  constexpr std::size_t stride = 4096;
  for (std::size_t at = 0; at + 8 <= size; at += stride) {
    std::uint64_t word = 0;
    std::memcpy(&word, got.data() + at, 8);
    if (word != word_at(at / 8)) throw std::runtime_error("another byte came than was put");
  }
}

}  // namespace bench
