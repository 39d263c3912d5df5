#pragma once

// How one entry lies in a file or a remote object: an 80-byte header, the encoded key, zero padding, the payload.
// All numbers little-endian.
//
//   0  8  magic "LARDER\x1a\n"          40  8  written, ns by the writer's time source
//   8  4  version (1)                   48  8  expires of its own, ns; 2^63-1 for never
//  12  4  size of the key               56 16  XXH3-128 of the payload, seeded with the low half of the key's digest
//  16  8  size of the payload           72  8  XXH3-64 of bytes 0..71 and the key
//  24  4  offset of the payload         80     the key
//  28  4  flags (0)                      .     zeros, then the payload: at a multiple of 64, of 4096 from 256 KiB up
//  32  8  reserved (0)
//
// The seed ties a payload to its key, so an object that is served under another name is noticed.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace larder::format {

static_assert(std::endian::native == std::endian::little, "larder: byte storages are written for little-endian machines");

/// The fixed part of an entry, once its checksum was found right.
struct entry_frame {
  static constexpr std::size_t header_size = 80;
  static constexpr std::array<char, 8> magic{'L', 'A', 'R', 'D', 'E', 'R', '\x1a', '\n'};
  static constexpr std::uint32_t version = 1;
  static constexpr std::uint64_t page_aligned_from = 256 * 1024;

  std::uint32_t key_size = 0;
  std::uint64_t payload_size = 0;
  std::uint32_t payload_offset = 0;
  instant written{0};
  instant expires = no_deadline;
  digest payload_digest;

  std::uint64_t total_size() const noexcept { return payload_offset + payload_size; }
  stored_info info() const noexcept { return {payload_size, written, written, expires}; }
};

/// Where the payload of an entry lies, so that it is aligned for use in place.
constexpr std::uint64_t payload_offset_for(std::uint64_t key_size, std::uint64_t payload_size) noexcept {
  const std::uint64_t alignment = payload_size >= entry_frame::page_aligned_from ? 4096 : 64;
  return (entry_frame::header_size + key_size + alignment - 1) / alignment * alignment;
}

/// Everything of an entry that stands before its payload: header, key, padding. Throws `larder::error` for a key of 4 GiB and more.
inline bytes encode_entry_head(const stored_entry& entry) {
  if (entry.key.size() > std::numeric_limits<std::uint32_t>::max() - 8192)
    core::fail(error_cause::invalid_argument, "a key of " + std::to_string(entry.key.size()) + " bytes is too long for a byte storage");
  const std::uint64_t offset = payload_offset_for(entry.key.size(), entry.payload.size());
  mutable_bytes head(offset);
  std::byte* const at = head.data();
  std::memset(at, 0, offset);
  const auto put = [at](std::size_t where, auto value) { std::memcpy(at + where, &value, sizeof value); };
  std::memcpy(at, entry_frame::magic.data(), entry_frame::magic.size());
  put(8, entry_frame::version);
  put(12, static_cast<std::uint32_t>(entry.key.size()));
  put(16, static_cast<std::uint64_t>(entry.payload.size()));
  put(24, static_cast<std::uint32_t>(offset));
  put(40, static_cast<std::int64_t>(entry.info.written.count()));
  put(48, static_cast<std::int64_t>(entry.info.expires.count()));
  const digest sum = digest_of(entry.payload.data(), entry.payload.size(), entry.id.low);
  put(56, sum.low);
  put(64, sum.high);
  if (!entry.key.empty()) std::memcpy(at + entry_frame::header_size, entry.key.data(), entry.key.size());
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, at, 72);
  XXH3_64bits_update(&state, entry.key.data(), entry.key.size());
  put(72, static_cast<std::uint64_t>(XXH3_64bits_digest(&state)));
  return std::move(head).freeze();
}

/// How many bytes from the start are needed to check an entry's head, read from its first `header_size` bytes; nothing
/// when they are not a header at all. Never trust it beyond the size of the object.
inline std::optional<std::uint64_t> entry_head_size(std::span<const std::byte> start) noexcept {
  if (start.size() < entry_frame::header_size || std::memcmp(start.data(), entry_frame::magic.data(), 8) != 0) return std::nullopt;
  std::uint32_t key_size = 0;
  std::memcpy(&key_size, start.data() + 12, 4);
  return entry_frame::header_size + static_cast<std::uint64_t>(key_size);
}

/// The frame at the start of `object` (at least header and key; the payload may be missing), or nothing when it is not
/// whole and right. `object_size` is the size of all of it, which must match.
inline std::optional<entry_frame> decode_entry_head(std::span<const std::byte> object, std::uint64_t object_size) noexcept {
  const std::optional<std::uint64_t> head = entry_head_size(object);
  if (!head || *head > object.size()) return std::nullopt;
  const auto get = [&](std::size_t where, auto& value) { std::memcpy(&value, object.data() + where, sizeof value); };
  entry_frame frame;
  std::uint32_t version = 0;
  std::uint32_t flags = 0;
  std::int64_t written = 0;
  std::int64_t expires = 0;
  std::uint64_t checksum = 0;
  get(8, version);
  get(12, frame.key_size);
  get(16, frame.payload_size);
  get(24, frame.payload_offset);
  get(28, flags);
  get(40, written);
  get(48, expires);
  get(56, frame.payload_digest.low);
  get(64, frame.payload_digest.high);
  get(72, checksum);
  frame.written = instant{written};
  frame.expires = instant{expires};
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, object.data(), 72);
  XXH3_64bits_update(&state, object.data() + entry_frame::header_size, frame.key_size);
  if (XXH3_64bits_digest(&state) != checksum || version != entry_frame::version || flags != 0) return std::nullopt;
  if (frame.payload_offset != payload_offset_for(frame.key_size, frame.payload_size)) return std::nullopt;
  if (frame.payload_size > object_size || frame.total_size() != object_size) return std::nullopt;
  return frame;
}

/// The key that stands behind the header.
inline std::span<const std::byte> entry_key(std::span<const std::byte> object, const entry_frame& frame) noexcept {
  return object.subspan(entry_frame::header_size, frame.key_size);
}

/// Whether the payload is the one that was written under the key with this digest.
inline bool payload_matches(const entry_frame& frame, const digest& id, const void* payload) noexcept {
  return digest_of(payload, frame.payload_size, id.low) == frame.payload_digest;
}

}  // namespace larder::format
