#pragma once

#include <larder/core/error.hpp>
#include <larder/core/long_hash.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace larder {

/// 128 bits that name content: XXH3-128 of it. Good against accidents, not against an adversary; keys are compared in full besides.
struct digest {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend constexpr bool operator==(const digest&, const digest&) noexcept = default;
  friend constexpr auto operator<=>(const digest& a, const digest& b) noexcept {
    return a.high != b.high ? a.high <=> b.high : a.low <=> b.low;
  }

  /// 32 lower-case hexadecimal digits, most significant first: XXH3's canonical form.
  std::string hex() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text(32, '0');
    for (std::size_t i = 0; i < 16; ++i) {
      text[15 - i] = digits[(high >> (4 * i)) & 15];
      text[31 - i] = digits[(low >> (4 * i)) & 15];
    }
    return text;
  }

  /// The digest that `hex()` printed, or nothing when the text is not one.
  static constexpr std::optional<digest> parse(std::string_view text) noexcept {
    if (text.size() != 32) return std::nullopt;
    digest result;
    for (std::size_t i = 0; i < 32; ++i) {
      const char c = text[i];
      std::uint64_t value = 0;
      if (c >= '0' && c <= '9')
        value = static_cast<std::uint64_t>(c - '0');
      else if (c >= 'a' && c <= 'f')
        value = static_cast<std::uint64_t>(c - 'a') + 10;
      else
        return std::nullopt;
      std::uint64_t& half = i < 16 ? result.high : result.low;
      half = (half << 4) | value;
    }
    return result;
  }
};

/// XXH3-128 of a range.
inline digest digest_of(const void* data, std::size_t size, std::uint64_t seed = 0) noexcept {
  const XXH128_hash_t h = core::hash_128(data, size, seed);
  return {h.low64, h.high64};
}
inline digest digest_of(std::string_view text) noexcept { return digest_of(text.data(), text.size()); }
inline digest digest_of(std::span<const std::byte> range) noexcept { return digest_of(range.data(), range.size()); }

/// XXH3-128 of content that arrives in pieces.
class digest_stream {
 public:
  explicit digest_stream(std::uint64_t seed = 0) noexcept { XXH3_128bits_reset_withSeed(&state_, seed); }
  void update(const void* data, std::size_t size) noexcept { XXH3_128bits_update(&state_, data, size); }
  void update(std::span<const std::byte> range) noexcept { update(range.data(), range.size()); }
  digest finish() const noexcept {
    const XXH128_hash_t h = XXH3_128bits_digest(&state_);
    return {h.low64, h.high64};
  }

 private:
  XXH3_state_t state_{};  // reset with a seed reads what was there before
};

}  // namespace larder
