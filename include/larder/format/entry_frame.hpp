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
//
// Version 2 is for what comes in pieces: behind the key, at the next multiple of 8, stands a table of checksums, so that each chunk of the payload
// is checked by itself. What differs:
//
//   8  4  version (2)                   56 16  XXH3-128 of the table, seeded with the low half of the key's digest
//  32  8  size of a chunk, a power      72  8  XXH3-64 of bytes 0..71, the key and the table
//         of two from 4096 to 2^30       .  8 n  of each chunk XXH3-64, seeded with the low half of the key's digest plus the chunk's number
//
// The last chunk may be shorter. 8 MiB are written.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::format {

static_assert(std::endian::native == std::endian::little, "larder: byte storages are written for little-endian machines");

/// The fixed part of an entry, once its checksum was found right.
struct entry_frame {
  static constexpr std::size_t header_size = 80;
  static constexpr std::array<char, 8> magic{'L', 'A', 'R', 'D', 'E', 'R', '\x1a', '\n'};
  static constexpr std::uint32_t version = 1;
  static constexpr std::uint32_t chunked_version = 2;
  static constexpr std::uint64_t usual_chunk = std::uint64_t{8} << 20U;  ///< larger payloads are worth version 2
  static constexpr std::uint64_t page_aligned_from = 256 * 1024;

  std::uint32_t key_size = 0;
  std::uint64_t payload_size = 0;
  std::uint32_t payload_offset = 0;
  instant written{0};
  instant expires = no_deadline;
  digest payload_digest;         ///< of the table in version 2
  std::uint64_t chunk_size = 0;  ///< 0 in version 1

  std::uint64_t total_size() const noexcept { return payload_offset + payload_size; }
  std::uint64_t chunk_count() const noexcept { return chunk_size == 0 ? 0 : payload_size / chunk_size + (payload_size % chunk_size != 0 ? 1 : 0); }
  /// Where the table stands; it has `8 * chunk_count()` bytes.
  std::uint64_t table_offset() const noexcept { return (header_size + std::uint64_t{key_size} + 7) / 8 * 8; }
  stored_info info() const noexcept { return {payload_size, written, written, expires}; }
};

/// Where the payload of an entry lies, so that it is aligned for use in place; `head_size` is what stands before it.
constexpr std::uint64_t payload_offset_behind(std::uint64_t head_size, std::uint64_t payload_size) noexcept {
  const std::uint64_t alignment = payload_size >= entry_frame::page_aligned_from ? 4096 : 64;
  return (head_size + alignment - 1) / alignment * alignment;
}

/// What the checksum of a chunk is seeded with.
constexpr std::uint64_t chunk_seed(const digest& id, std::uint64_t number) noexcept { return id.low + number; }

namespace entry_head {

/// The part that both versions share: room for the whole head with the header's numbers and the key in it.
inline mutable_bytes begin(const stored_entry& entry, std::uint32_t version, std::uint64_t table_bytes, std::uint64_t chunk_size) {
  if (entry.key.size() > std::numeric_limits<std::uint32_t>::max() - 8192)
    core::fail(error_cause::invalid_argument, "a key of " + std::to_string(entry.key.size()) + " bytes is too long for a byte storage");
  const std::uint64_t unpadded = entry_frame::header_size + entry.key.size();
  const std::uint64_t offset = payload_offset_behind(table_bytes == 0 ? unpadded : (unpadded + 7) / 8 * 8 + table_bytes, entry.payload.size());
  mutable_bytes head(offset);
  std::byte* const at = head.data();
  std::memset(at, 0, offset);
  const auto put = [at](std::size_t where, auto value) { std::memcpy(at + where, &value, sizeof value); };
  std::memcpy(at, entry_frame::magic.data(), entry_frame::magic.size());
  put(8, version);
  put(12, static_cast<std::uint32_t>(entry.key.size()));
  put(16, static_cast<std::uint64_t>(entry.payload.size()));
  put(24, static_cast<std::uint32_t>(offset));
  put(32, chunk_size);
  put(40, static_cast<std::int64_t>(entry.info.written.count()));
  put(48, static_cast<std::int64_t>(entry.info.expires.count()));
  if (!entry.key.empty()) std::memcpy(at + entry_frame::header_size, entry.key.data(), entry.key.size());
  return head;
}

/// The checksum of a head, over the header, the key and the table of version 2.
inline std::uint64_t checksum(const std::byte* head, std::span<const std::byte> key, std::span<const std::byte> table) noexcept {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, head, 72);
  XXH3_64bits_update(&state, key.data(), key.size());
  if (!table.empty()) XXH3_64bits_update(&state, table.data(), table.size());
  return XXH3_64bits_digest(&state);
}

inline bytes finish(mutable_bytes head, const stored_entry& entry, const digest& sum, std::span<const std::byte> table) {
  std::memcpy(head.data() + 56, &sum.low, 8);
  std::memcpy(head.data() + 64, &sum.high, 8);
  const std::uint64_t whole = checksum(head.data(), entry.key.span(), table);
  std::memcpy(head.data() + 72, &whole, 8);
  return std::move(head).freeze();
}

}  // namespace entry_head

/// Everything of an entry that stands before its payload: header, key, padding. Throws `larder::error` for a key of 4 GiB and more.
inline bytes encode_entry_head(const stored_entry& entry) {
  return entry_head::finish(entry_head::begin(entry, entry_frame::version, 0, 0), entry, digest_of(entry.payload.data(), entry.payload.size(), entry.id.low), {});
}

/// The same in version 2, which says how to check the payload chunk by chunk.
inline bytes encode_chunked_head(const stored_entry& entry, std::uint64_t chunk_size = entry_frame::usual_chunk) {
  entry_frame frame;
  frame.key_size = static_cast<std::uint32_t>(entry.key.size());
  frame.payload_size = entry.payload.size();
  frame.chunk_size = chunk_size;
  const std::uint64_t count = frame.chunk_count();
  mutable_bytes head = entry_head::begin(entry, entry_frame::chunked_version, 8 * count, chunk_size);
  const std::span<std::byte> table = head.span().subspan(static_cast<std::size_t>(frame.table_offset()), static_cast<std::size_t>(8 * count));
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t from = i * chunk_size;
    const std::uint64_t sum = core::hash_64(entry.payload.data() + from, static_cast<std::size_t>(std::min(chunk_size, entry.payload.size() - from)), chunk_seed(entry.id, i));
    std::memcpy(table.data() + 8 * i, &sum, 8);
  }
  return entry_head::finish(std::move(head), entry, digest_of(table.data(), table.size(), entry.id.low), table);
}

/// How many bytes from the start are needed to check an entry's head, read from its first `header_size` bytes; nothing
/// when they are not a header at all. Never trust it beyond the size of the object.
inline std::optional<std::uint64_t> entry_head_size(std::span<const std::byte> start) noexcept {
  if (start.size() < entry_frame::header_size || std::memcmp(start.data(), entry_frame::magic.data(), 8) != 0) return std::nullopt;
  entry_frame frame;
  std::uint32_t version = 0;
  std::memcpy(&version, start.data() + 8, 4);
  std::memcpy(&frame.key_size, start.data() + 12, 4);
  if (version != entry_frame::chunked_version) return entry_frame::header_size + static_cast<std::uint64_t>(frame.key_size);
  std::memcpy(&frame.payload_size, start.data() + 16, 8);
  std::memcpy(&frame.chunk_size, start.data() + 32, 8);
  if (!std::has_single_bit(frame.chunk_size) || frame.chunk_size < 4096 || frame.chunk_size > (std::uint64_t{1} << 30U)) return std::nullopt;
  return frame.table_offset() + 8 * frame.chunk_count();
}

/// The frame at the start of `object` (at least header, key and table; the payload may be missing), or nothing when it is not
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
  const bool chunked = version == entry_frame::chunked_version;
  if (chunked) get(32, frame.chunk_size);
  frame.written = instant{written};
  frame.expires = instant{expires};
  const std::span<const std::byte> table =
      chunked ? object.subspan(static_cast<std::size_t>(frame.table_offset()), static_cast<std::size_t>(8 * frame.chunk_count())) : std::span<const std::byte>{};
  if (entry_head::checksum(object.data(), object.subspan(entry_frame::header_size, frame.key_size), table) != checksum) return std::nullopt;
  if ((!chunked && version != entry_frame::version) || flags != 0) return std::nullopt;
  if (frame.payload_offset != payload_offset_behind(*head, frame.payload_size)) return std::nullopt;
  if (frame.payload_size > object_size || frame.total_size() != object_size) return std::nullopt;
  return frame;
}

/// The key that stands behind the header.
inline std::span<const std::byte> entry_key(std::span<const std::byte> object, const entry_frame& frame) noexcept {
  return object.subspan(entry_frame::header_size, frame.key_size);
}

/// Whether the payload is the one that was written under the key with this digest.
inline bool payload_matches(const entry_frame& frame, const digest& id, const void* payload) noexcept {
  if (frame.chunk_size == 0) return digest_of(payload, frame.payload_size, id.low) == frame.payload_digest;
  XXH3_state_t state{};  // the reset looks at what it held
  XXH3_128bits_reset_withSeed(&state, id.low);
  for (std::uint64_t i = 0; i < frame.chunk_count(); ++i) {
    const std::uint64_t from = i * frame.chunk_size;
    const std::uint64_t sum = core::hash_64(static_cast<const std::byte*>(payload) + from, static_cast<std::size_t>(std::min(frame.chunk_size, frame.payload_size - from)), chunk_seed(id, i));
    XXH3_128bits_update(&state, &sum, sizeof sum);
  }
  const XXH128_hash_t whole = XXH3_128bits_digest(&state);
  return digest{whole.low64, whole.high64} == frame.payload_digest;
}

/// The checksums of a chunked entry, once its head was found right.
class chunk_table {
 public:
  chunk_table() = default;
  chunk_table(std::span<const std::byte> head, const entry_frame& frame, const digest& id)
      : sums_(static_cast<std::size_t>(frame.chunk_count())), chunk_size_(frame.chunk_size), size_(frame.payload_size), id_(id) {
    if (!sums_.empty()) std::memcpy(sums_.data(), head.data() + frame.table_offset(), sums_.size() * 8);
  }

  std::size_t count() const noexcept { return sums_.size(); }
  std::uint64_t offset_of(std::size_t number) const noexcept { return number * chunk_size_; }
  std::size_t size_of(std::size_t number) const noexcept { return static_cast<std::size_t>(std::min(chunk_size_, size_ - offset_of(number))); }
  bool matches(std::size_t number, std::span<const std::byte> chunk) const noexcept {
    return core::hash_64(chunk.data(), chunk.size(), chunk_seed(id_, number)) == sums_[number];
  }

 private:
  std::vector<std::uint64_t> sums_;
  std::uint64_t chunk_size_ = 0;
  std::uint64_t size_ = 0;
  digest id_{};
};

}  // namespace larder::format
