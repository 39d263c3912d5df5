#pragma once

#include <cstddef>
#include <random>
#include <string>

namespace larder::remote {

inline constexpr std::size_t random_mark_size = 32;

/// 128 random bits in hexadecimal, by which a writer knows its own object again.
inline std::string random_mark() {
  std::random_device device;
  std::string text;
  for (std::size_t i = 0; i < random_mark_size; ++i) text += "0123456789abcdef"[device() & 15U];
  return text;
}

}  // namespace larder::remote
