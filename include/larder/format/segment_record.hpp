#pragma once

// How one record lies in a segment of `mmap_disk`: an 88-byte header, the encoded key, zeros, the payload, zeros to the next
// multiple of 64. All numbers little-endian; a record starts at a multiple of 64.
//
//   0  4  magic "LDRC"                    40  8  XXH3-64 of the payload, seeded with the low half of the key's digest
//   4  1  kind                            48  8  sequence: of two records of one key the higher one counts
//   5  3  zeros                           56  8  written, ns by the writer's time source
//   8  4  size of the key                 64  8  expires of its own, ns; 2^63-1 for never
//  12  4  offset of the payload           72  8  XXH3-64 of the key, seeded with that of bytes 0..71, seeded with the place
//  16  8  size of the payload             80  8  last use, coarse, with a check of its own; the one field that changes
//  24 16  XXH3-128 of the key             88     the key
//
// The payload begins at a multiple of 64 bytes of the file, of 4096 when it has 256 KiB and more. The seeds tie a record to its place
// and a payload to its key: what is copied elsewhere or served under another name is noticed.

#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/time.hpp>
#include <larder/format/compressed_head.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace larder::format {

static_assert(std::endian::native == std::endian::little, "larder: byte storages are written for little-endian machines");

enum class record_kind : std::uint8_t {
  value = 1,       ///< the payload is the value
  value_file = 2,  ///< the value is a file of its own, the payload is a `file_reference`
  erased = 3,      ///< the key has no value any more
  evicted = 4,     ///< no key; the payload lists the places of records that were evicted
  compressed = 5,       ///< a value: the payload is a `compressed_head` and what its policy made of the value
  compressed_file = 6,  ///< the same, but that is a file of its own, and behind the head is a `file_reference`
};
constexpr bool is_compressed(record_kind kind) noexcept { return kind == record_kind::compressed || kind == record_kind::compressed_file; }
constexpr bool has_file(record_kind kind) noexcept { return kind == record_kind::value_file || kind == record_kind::compressed_file; }
constexpr bool is_value(record_kind kind) noexcept { return kind == record_kind::value || has_file(kind) || is_compressed(kind); }
/// The kind of the same value in a file of its own.
constexpr record_kind in_file(record_kind kind) noexcept {
  return is_compressed(kind) ? record_kind::compressed_file : record_kind::value_file;
}

/// Where a record lies: its segment's number and its offset there, in units of 64 bytes.
struct record_place {
  static constexpr std::uint64_t unit_size = 64;

  std::uint32_t segment = 0;
  std::uint32_t unit = 0;

  std::uint64_t offset() const noexcept { return unit * unit_size; }
  std::uint64_t word() const noexcept { return (std::uint64_t{segment} << 32) | unit; }
  static record_place of_word(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
  }
  friend bool operator==(const record_place&, const record_place&) noexcept = default;
};

struct segment_record {
  static constexpr std::size_t header_size = 88;
  static constexpr std::size_t use_offset = 80;
  static constexpr std::uint32_t magic = 0x4352'444c;
  static constexpr std::uint64_t page_aligned_from = 256 * 1024;
  static constexpr std::uint64_t longest_key = std::uint64_t{1} << 30;

  record_kind kind = record_kind::value;
  std::uint32_t key_size = 0;
  std::uint32_t payload_offset = 0;
  std::uint64_t payload_size = 0;
  digest id;
  std::uint64_t payload_checksum = 0;
  std::uint64_t sequence = 0;
  instant written{0};
  instant expires = no_deadline;
  instant used{0};  ///< what the use stamp is to say when the head is written; 0 for nothing

  /// All of it, with the padding.
  std::uint64_t size() const noexcept { return round_up(payload_offset + payload_size, record_place::unit_size); }

  static constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t unit) noexcept { return (n + unit - 1) / unit * unit; }
  /// Where the payload of a record at `offset` begins, from the record's start.
  static constexpr std::uint64_t payload_offset_for(std::uint64_t offset, std::uint64_t key_size, std::uint64_t payload_size) noexcept {
    const std::uint64_t unit = payload_size >= page_aligned_from ? 4096 : record_place::unit_size;
    return round_up(offset + header_size + key_size, unit) - offset;
  }
};

inline std::uint64_t payload_checksum(const void* payload, std::size_t size, const digest& id) noexcept {
  return core::hash_64(payload, size, id.low);
}

namespace detail {

inline std::uint64_t header_checksum(const std::byte* header, std::span<const std::byte> key, record_place at) noexcept {
  return XXH3_64bits_withSeed(key.data(), key.size(), XXH3_64bits_withSeed(header, 72, at.word()));
}

/// The stamp of a use.
inline std::uint64_t stamp_of(instant used, record_place at) noexcept;

}  // namespace detail

/// Writes header, key and the zeros before the payload: `record.payload_offset` bytes.
inline void encode_record_head(const segment_record& record, std::span<const std::byte> key, record_place at, std::byte* to) noexcept {
  std::memset(to, 0, record.payload_offset);
  const auto put = [to](std::size_t where, auto value) { std::memcpy(to + where, &value, sizeof value); };
  put(0, segment_record::magic);
  put(4, static_cast<std::uint8_t>(record.kind));
  put(8, record.key_size);
  put(12, record.payload_offset);
  put(16, record.payload_size);
  put(24, record.id.low);
  put(32, record.id.high);
  put(40, record.payload_checksum);
  put(48, record.sequence);
  put(56, static_cast<std::int64_t>(record.written.count()));
  put(64, static_cast<std::int64_t>(record.expires.count()));
  if (!key.empty()) std::memcpy(to + segment_record::header_size, key.data(), key.size());
  put(72, detail::header_checksum(to, key, at));
  put(segment_record::use_offset, detail::stamp_of(record.used, at));
}

/// The header's fields, taken as they are but for the bounds: nothing when it does not look like a record that ends within `room` bytes.
/// `from` begins where the record does and may be only a part of it, from the header on.
inline std::optional<segment_record> peek_record(std::span<const std::byte> from, record_place at, std::uint64_t room) noexcept {
  if (from.size() < segment_record::header_size) return std::nullopt;
  const auto get = [&](std::size_t where, auto& value) { std::memcpy(&value, from.data() + where, sizeof value); };
  segment_record record;
  std::uint32_t magic = 0;
  get(0, magic);
  if (magic != segment_record::magic) return std::nullopt;
  std::uint8_t kind = 0;
  std::int64_t written = 0;
  std::int64_t expires = 0;
  get(4, kind);
  get(8, record.key_size);
  get(12, record.payload_offset);
  get(16, record.payload_size);
  get(24, record.id.low);
  get(32, record.id.high);
  get(40, record.payload_checksum);
  get(48, record.sequence);
  get(56, written);
  get(64, expires);
  record.kind = static_cast<record_kind>(kind);
  record.written = instant{written};
  record.expires = instant{expires};
  if (kind < 1 || kind > 6 || (is_compressed(record.kind) && record.payload_size < compressed_head::encoded_size) || record.payload_size > room || record.payload_offset > room ||
      record.payload_offset != segment_record::payload_offset_for(at.offset(), record.key_size, record.payload_size) ||
      record.payload_size > room - record.payload_offset)
    return std::nullopt;
  return record;
}
inline std::optional<segment_record> peek_record(std::span<const std::byte> from, record_place at) noexcept {
  return peek_record(from, at, from.size());
}

inline std::span<const std::byte> record_key(std::span<const std::byte> from, const segment_record& record) noexcept {
  return from.subspan(segment_record::header_size, record.key_size);
}
inline std::span<const std::byte> record_payload(std::span<const std::byte> from, const segment_record& record) noexcept {
  return from.subspan(record.payload_offset, record.payload_size);
}

/// How a value is compressed, and what the policy made of it (or the reference to that); the payload itself where it is not.
inline std::optional<compressed_form> record_form(std::span<const std::byte> from, const segment_record& record) noexcept {
  return is_compressed(record.kind) ? compressed_head::decode(record_payload(from, record)) : std::nullopt;
}
inline std::span<const std::byte> record_content(std::span<const std::byte> from, const segment_record& record) noexcept {
  return record_payload(from, record).subspan(is_compressed(record.kind) ? compressed_head::encoded_size : 0);
}

/// The record at a place, whole from there on, whose header and key match their checksum; nothing else is one.
inline std::optional<segment_record> decode_record(std::span<const std::byte> from, record_place at) noexcept {
  const std::optional<segment_record> record = peek_record(from, at);
  if (!record) return std::nullopt;
  std::uint64_t checksum = 0;
  std::memcpy(&checksum, from.data() + 72, sizeof checksum);
  if (detail::header_checksum(from.data(), record_key(from, *record), at) != checksum) return std::nullopt;
  return record;
}

/// Whether the payload is the one that was written under the record's key.
inline bool payload_matches(std::span<const std::byte> from, const segment_record& record) noexcept {
  const std::span<const std::byte> payload = record_payload(from, record);
  return payload_checksum(payload.data(), payload.size(), record.id) == record.payload_checksum;
}

/// What a record says of an entry.
inline stored_info info_of(const segment_record& record, std::uint64_t weight, std::uint64_t uncompressed = 0) noexcept {
  return {weight, record.written, record.written, record.expires, uncompressed};
}

/// f(word of a place) for each that the payload of an `evicted` record lists.
template <class F>
void for_each_evicted(std::span<const std::byte> list, F&& f) {
  for (; list.size() >= sizeof(std::uint64_t); list = list.subspan(sizeof(std::uint64_t))) {
    std::uint64_t word = 0;
    std::memcpy(&word, list.data(), sizeof word);
    f(word);
  }
}

/// The payload of a `value_file` record, and of a `compressed_file` behind its head, or its beginning: checksums of the file's chunks may
/// follow (`chunk_checksums`).
struct file_reference {
  static constexpr std::size_t encoded_size = 32;

  std::uint64_t number = 0;  ///< of the file
  std::uint64_t size = 0;    ///< of the value
  digest content;            ///< stands for the value: equal content has an equal one

  std::array<std::byte, encoded_size> encode() const noexcept {
    std::array<std::byte, encoded_size> to{};
    const auto put = [&](std::size_t where, std::uint64_t value) { std::memcpy(to.data() + where, &value, sizeof value); };
    put(0, number);
    put(8, size);
    put(16, content.low);
    put(24, content.high);
    return to;
  }
  static std::optional<file_reference> decode(std::span<const std::byte> from) noexcept {
    if (from.size() < encoded_size) return std::nullopt;
    file_reference result;
    const auto get = [&](std::size_t where, std::uint64_t& value) { std::memcpy(&value, from.data() + where, sizeof value); };
    get(0, result.number);
    get(8, result.size);
    get(16, result.content.low);
    get(24, result.content.high);
    return result;
  }
};

/// The last use of a record, in milliseconds, beside 16 bits that a flipped bit does not keep right; 0 when there is none or a damaged one.
/// One value says that the record was erased: for a device without room for a record that says so.
struct use_stamp {
  static std::uint64_t erased(record_place at) noexcept { return erased_value << 16 | check(erased_value, at); }
  static bool is_erased(std::uint64_t stamp, record_place at) noexcept { return stamp == erased(at); }

  static std::uint64_t encode(instant moment, record_place at) noexcept {
    const std::int64_t milliseconds = moment.count() / 1'000'000;
    if (milliseconds <= 0) return 0;
    const auto value = static_cast<std::uint64_t>(milliseconds);
    return value << 16 | check(value, at);
  }
  static std::optional<instant> decode(std::uint64_t stamp, record_place at) noexcept {
    const std::uint64_t value = stamp >> 16;
    if (value == 0 || value > latest || (stamp & 0xffff) != check(value, at)) return std::nullopt;
    return instant{static_cast<std::int64_t>(value) * 1'000'000};
  }

 private:
  static constexpr std::uint64_t erased_value = (std::uint64_t{1} << 48) - 1;
  static constexpr std::uint64_t latest = std::uint64_t{INT64_MAX} / 1'000'000;  // that an instant can say
  static std::uint64_t check(std::uint64_t value, record_place at) noexcept {
    return XXH3_64bits_withSeed(&value, sizeof value, at.word()) & 0xffff;
  }
};

inline std::uint64_t detail::stamp_of(instant used, record_place at) noexcept { return use_stamp::encode(used, at); }

}  // namespace larder::format
