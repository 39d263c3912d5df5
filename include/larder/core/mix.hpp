#pragma once

#include <cstdint>

namespace larder::core {

/// A number all of whose bits depend on all bits of `x`; different numbers stay different.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x *= 0x9e3779b97f4a7c15ULL;
  x = (x ^ x >> 32U) * 0xd6e8feb86659fd93ULL;
  return x ^ x >> 32U;
}

}  // namespace larder::core
