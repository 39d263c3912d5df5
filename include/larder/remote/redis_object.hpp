#pragma once

// How an object lies in Redis. Under its own key: a head of 32 bytes, then the object itself when it is not larger than a chunk. A larger one
// lies in chunks under keys of their own, which the head's version names: a new object never touches the chunks of an old one.
//
//   0   4 bytes   "lrd1"
//   4   uint32    size of a chunk; 0: the object follows this head
//   8   uint64    size of the object
//   16  16 bytes  version, random
//
// Numbers are little-endian. Key of chunk i: `prefix{prefix name}#version/i`; the braces keep all keys of an object in one slot of a cluster.

#include <larder/core/bytes.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>

namespace larder::remote {

struct redis_object {
  static constexpr std::size_t head_size = 32;
  static constexpr std::string_view last_of_head = "31";  ///< as commands say it
  static constexpr std::uint32_t smallest_chunk = 4096;
  static constexpr std::uint32_t largest_chunk = std::uint32_t{4} << 20U;
  using head_type = std::array<std::byte, head_size>;
  using version_type = std::array<std::byte, 16>;

  std::uint32_t chunk_size = 0;
  std::uint64_t size = 0;
  version_type version{};

  bool in_chunks() const noexcept { return chunk_size != 0; }
  std::uint64_t chunks() const noexcept { return in_chunks() ? (size + chunk_size - 1) / chunk_size : 0; }
  std::uint64_t size_of_chunk(std::uint64_t i) const noexcept {
    return std::min<std::uint64_t>(chunk_size, size - i * chunk_size);
  }

  /// An object that is about to be written, with a version that no other has.
  static redis_object make(std::uint64_t size, std::uint32_t most) {
    redis_object out{size > most ? most : 0, size, {}};
    std::random_device device;
    for (std::size_t i = 0; i < out.version.size(); i += 4) {
      const std::uint32_t word = device();
      std::memcpy(&out.version[i], &word, sizeof word);
    }
    return out;
  }

  head_type encode() const noexcept {
    head_type out{};
    std::memcpy(out.data(), magic.data(), magic.size());
    put(out, 4, chunk_size, 4);
    put(out, 8, size, 8);
    std::copy(version.begin(), version.end(), out.begin() + 16);
    return out;
  }
  /// Nothing when the bytes are not a head.
  static std::optional<redis_object> decode(std::span<const std::byte> head) noexcept {
    if (head.size() < head_size || std::memcmp(head.data(), magic.data(), magic.size()) != 0) return std::nullopt;
    redis_object out{static_cast<std::uint32_t>(number(head, 4, 4)), number(head, 8, 8), {}};
    std::copy_n(head.begin() + 16, out.version.size(), out.version.begin());
    if (out.in_chunks() ? out.chunk_size < smallest_chunk || out.chunk_size > largest_chunk || out.size <= out.chunk_size
                        : out.size > largest_chunk)
      return std::nullopt;
    return out;
  }
  static std::optional<redis_object> decode(std::string_view head) noexcept { return decode(std::as_bytes(std::span(head))); }

  /// The version as text.
  std::string tag() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const std::byte b : version) {
      out += digits[static_cast<unsigned>(b) >> 4U];
      out += digits[static_cast<unsigned>(b) & 15U];
    }
    return out;
  }
  std::string chunk_key(std::string_view prefix, std::string_view name, std::uint64_t i) const {
    std::string key(prefix);
    key.append("{").append(prefix).append(name).append("}#").append(tag()).append("/").append(std::to_string(i));
    return key;
  }

 private:
  static constexpr std::string_view magic = "lrd1";

  static void put(head_type& out, std::size_t at, std::uint64_t value, std::size_t size) noexcept {
    for (std::size_t i = 0; i < size; ++i) out[at + i] = static_cast<std::byte>(value >> (8 * i));
  }
  static std::uint64_t number(std::span<const std::byte> head, std::size_t at, std::size_t size) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= static_cast<std::uint64_t>(head[at + i]) << (8 * i);
    return value;
  }
};

/// The text with every character that a pattern of Redis would take for more than itself escaped.
inline std::string redis_pattern_of(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '^' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace larder::remote
