#pragma once

#include <cstdint>

namespace larder::core {

/// 64 bits that may lie at any multiple of four bytes, so that an entry with an odd number of 32-bit fields has no hole.
class packed_word {
 public:
  constexpr packed_word(std::uint64_t value = 0) noexcept  // NOLINT(google-explicit-constructor): it is that number
      : low_(static_cast<std::uint32_t>(value)), high_(static_cast<std::uint32_t>(value >> 32)) {}
  constexpr operator std::uint64_t() const noexcept { return std::uint64_t{high_} << 32 | low_; }

 private:
  std::uint32_t low_;
  std::uint32_t high_;
};

}  // namespace larder::core
