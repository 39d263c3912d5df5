#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace larder::remote {

inline constexpr std::size_t random_mark_size = 32;

/// 128 random bits in hexadecimal, by which a writer knows its own object again, and a holder its lock.
inline std::string random_mark() {
  std::random_device device;
  std::uint32_t bits = 0;
  std::string text;
  for (std::size_t i = 0; i < random_mark_size; ++i, bits >>= 4U) {
    if (i % 8 == 0) bits = device();
    text += "0123456789abcdef"[bits & 15U];
  }
  return text;
}

}  // namespace larder::remote
