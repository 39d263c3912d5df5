#pragma once

// Where a stream of samples goes on. Encoded, all numbers little-endian:
//
//    0  4  magic "LSP\n"                 32  8  samples before the window
//    4  4  version (1)                   40  8  seed
//    8  8  epoch                         48  8  order
//   16  8  window                        56  8  XXH3-64 of the bytes 0..55
//   24  8  within the window
//
// Its text is these bytes as 128 lower-case hexadecimal digits.

#include <larder/core/digest.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace larder {

/// Where a stream of samples goes on: the next round of samples. The same for all ranks, for any number of threads, and on every machine.
struct stream_position {
  std::uint64_t epoch = 0;
  std::uint64_t window = 0;
  std::uint64_t within = 0;  ///< the next sample of rank 0 in the order of the window
  std::uint64_t before = 0;  ///< samples, of all ranks, in the windows before
  std::uint64_t seed = 0;
  std::uint64_t order = 0;  ///< fingerprint of what the order depends on besides: shuffle, window, the shards

  static constexpr std::size_t encoded_size = 64;
  static constexpr std::uint32_t version = 1;

  /// For a file of the program's own; the same on machines of both endiannesses.
  std::array<std::byte, encoded_size> encode() const noexcept {
    std::array<std::byte, encoded_size> to{};
    std::memcpy(to.data(), magic.data(), magic.size());
    put(to, 4, version, 4);
    put(to, 8, epoch);
    put(to, 16, window);
    put(to, 24, within);
    put(to, 32, before);
    put(to, 40, seed);
    put(to, 48, order);
    put(to, 56, XXH3_64bits(to.data(), 56));
    return to;
  }
  /// The position that `encode` wrote; nothing for any other bytes.
  static std::optional<stream_position> decode(std::span<const std::byte> from) noexcept {
    if (from.size() != encoded_size || std::memcmp(from.data(), magic.data(), magic.size()) != 0 || get(from, 4, 4) != version ||
        get(from, 56) != XXH3_64bits(from.data(), 56))
      return std::nullopt;
    return stream_position{get(from, 8), get(from, 16), get(from, 24), get(from, 32), get(from, 40), get(from, 48)};
  }

  /// 128 hexadecimal digits, for a log, a command line or a training state.
  std::string text() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string written;
    written.reserve(2 * encoded_size);
    for (const std::byte byte : encode()) {
      written += digits[std::to_integer<std::size_t>(byte >> 4)];
      written += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
    }
    return written;
  }
  /// The position that `text` wrote; nothing for any other text.
  static std::optional<stream_position> parse(std::string_view text) noexcept {
    if (text.size() != 2 * encoded_size) return std::nullopt;
    std::array<std::byte, encoded_size> from{};
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const bool is_digit = c >= '0' && c <= '9';
      if (!is_digit && (c < 'a' || c > 'f')) return std::nullopt;
      from[i / 2] = from[i / 2] << 4 | static_cast<std::byte>(is_digit ? c - '0' : c - 'a' + 10);
    }
    return decode(from);
  }

  friend constexpr bool operator==(const stream_position&, const stream_position&) noexcept = default;

 private:
  static constexpr std::array<char, 4> magic{'L', 'S', 'P', '\n'};

  static void put(std::array<std::byte, encoded_size>& to, std::size_t where, std::uint64_t value,
                  std::size_t size = 8) noexcept {
    for (std::size_t i = 0; i < size; ++i) to[where + i] = static_cast<std::byte>(value >> (8 * i) & 0xffU);
  }
  static std::uint64_t get(std::span<const std::byte> from, std::size_t where, std::size_t size = 8) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= std::to_integer<std::uint64_t>(from[where + i]) << (8 * i);
    return value;
  }
};
static_assert(std::is_trivially_copyable_v<stream_position> && sizeof(stream_position) <= 64);

}  // namespace larder
