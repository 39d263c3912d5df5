#pragma once

// What a sealed segment of `mmap_disk` ends with, so that it need not be read to be known: an entry of 56 bytes for each of its records in
// the order of their publication, then 8 bytes for the last use of each, then the trailer. All numbers little-endian.
//
//   entry                                     trailer, the file's last 64 bytes
//    0 16  XXH3-128 of the key                 0  8  magic "LARDERF\n"
//   16  4  place, in units of 64 bytes         8  4  version (1)
//   20  1  kind                               12  4  number of the segment
//   21  3  zeros                              16  8  number of entries
//   24  8  weight: the size of the value *    24  8  where the records end
//   32  8  sequence                           32  8  XXH3-64 of the entries
//   40  8  written                            40 16  zeros
//   48  8  expires                            56  8  XXH3-64 of the trailer's bytes 0..55
//
// * Of a compressed value two numbers of 4 bytes: the size as stored, with its head, and that of the value.

#include <larder/format/segment_record.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace larder::format {

/// What a footer says of a record.
struct footer_entry {
  static constexpr std::size_t encoded_size = 56;

  digest id;
  std::uint32_t unit = 0;
  record_kind kind = record_kind::value;
  std::uint64_t weight = 0;
  std::uint64_t sequence = 0;
  instant written{0};
  instant expires = no_deadline;
  std::uint64_t uncompressed = 0;  ///< size of a value that is compressed

  /// `weight` is the size, as stored, of the value that the record stands for.
  static footer_entry of(const segment_record& record, std::uint32_t unit, std::uint64_t weight, std::uint64_t uncompressed) noexcept {
    return {record.id, unit, record.kind, weight, record.sequence, record.written, record.expires, uncompressed};
  }
  void encode(std::byte* to) const noexcept {
    const auto put = [to](std::size_t where, auto value) { std::memcpy(to + where, &value, sizeof value); };
    put(0, id.low);
    put(8, id.high);
    put(16, unit);
    put(20, static_cast<std::uint32_t>(kind));
    put(24, is_compressed(kind) ? uncompressed << 32 | weight : weight);
    put(32, sequence);
    put(40, static_cast<std::int64_t>(written.count()));
    put(48, static_cast<std::int64_t>(expires.count()));
  }
  static footer_entry decode(const std::byte* from) noexcept {
    const auto get = [from](std::size_t where, auto& value) { std::memcpy(&value, from + where, sizeof value); };
    footer_entry entry;
    std::uint32_t kind = 0;
    std::int64_t written = 0;
    std::int64_t expires = 0;
    get(0, entry.id.low);
    get(8, entry.id.high);
    get(16, entry.unit);
    get(20, kind);
    get(24, entry.weight);
    get(32, entry.sequence);
    get(40, written);
    get(48, expires);
    entry.kind = static_cast<record_kind>(kind & 0xff);
    if (is_compressed(entry.kind)) {
      entry.uncompressed = entry.weight >> 32;
      entry.weight &= 0xffff'ffff;
    }
    entry.written = instant{written};
    entry.expires = instant{expires};
    return entry;
  }
};

/// A footer in the bytes of its file.
class segment_footer {
 public:
  static constexpr std::size_t trailer_size = 64;
  static constexpr std::array<char, 8> magic{'L', 'A', 'R', 'D', 'E', 'R', 'F', '\n'};
  static constexpr std::uint32_t version = 1;
  static constexpr std::size_t size_for(std::size_t entries) noexcept { return entries * (footer_entry::encoded_size + 8) + trailer_size; }

  /// Whether the last bytes of a file look like a footer's trailer.
  static bool is_trailer(std::span<const std::byte, trailer_size> bytes) noexcept {
    std::uint64_t checksum = 0;
    std::memcpy(&checksum, bytes.data() + 56, sizeof checksum);
    return std::memcmp(bytes.data(), magic.data(), magic.size()) == 0 && XXH3_64bits(bytes.data(), 56) == checksum;
  }
  /// The footer of this segment, or nothing when it has none that is whole and right.
  static std::optional<segment_footer> find(std::span<const std::byte> file, std::uint32_t segment) noexcept {
    return find(file, file.size(), segment);
  }
  /// The same with no more of the file than its end, which has to hold all of the footer.
  static std::optional<segment_footer> find(std::span<const std::byte> tail, std::uint64_t file_size, std::uint32_t segment) noexcept {
    if (tail.size() < trailer_size || file_size < tail.size()) return std::nullopt;
    const std::byte* const trailer = tail.data() + tail.size() - trailer_size;
    const auto get = [trailer](std::size_t where, auto& value) { std::memcpy(&value, trailer + where, sizeof value); };
    std::uint32_t found_version = 0;
    std::uint32_t number = 0;
    std::uint64_t count = 0;
    std::uint64_t records_end = 0;
    std::uint64_t entries_checksum = 0;
    std::uint64_t checksum = 0;
    get(8, found_version);
    get(12, number);
    get(16, count);
    get(24, records_end);
    get(32, entries_checksum);
    get(56, checksum);
    if (std::memcmp(trailer, magic.data(), magic.size()) != 0 || XXH3_64bits(trailer, 56) != checksum || found_version != version ||
        number != segment || count > (tail.size() - trailer_size) / (footer_entry::encoded_size + 8) || file_size - size_for(count) != records_end)
      return std::nullopt;
    segment_footer footer;
    footer.entries_ = tail.last(size_for(count)).first(count * footer_entry::encoded_size);
    footer.uses_ = tail.last(size_for(count)).subspan(footer.entries_.size(), count * 8);
    footer.records_end_ = records_end;
    if (XXH3_64bits(footer.entries_.data(), footer.entries_.size()) != entries_checksum) return std::nullopt;
    return footer;
  }

  std::size_t size() const noexcept { return entries_.size() / footer_entry::encoded_size; }
  footer_entry operator[](std::size_t i) const noexcept { return footer_entry::decode(entries_.data() + i * footer_entry::encoded_size); }
  /// The low half of an entry's digest.
  std::uint64_t key(std::size_t i) const noexcept {
    std::uint64_t low = 0;
    std::memcpy(&low, entries_.data() + i * footer_entry::encoded_size, 8);
    return low;
  }
  std::uint64_t use(std::size_t i) const noexcept {
    std::uint64_t stamp = 0;
    std::memcpy(&stamp, uses_.data() + i * 8, 8);
    return stamp;
  }
  /// Where in the file the last use of the i-th record is kept.
  std::uint64_t use_offset(std::size_t i) const noexcept { return records_end_ + entries_.size() + i * 8; }
  std::uint64_t records_end() const noexcept { return records_end_; }

 private:
  std::span<const std::byte> entries_;
  std::span<const std::byte> uses_;
  std::uint64_t records_end_ = 0;
};

/// The bytes that seal a segment whose records end at `records_end`.
inline std::vector<std::byte> encode_footer(std::span<const footer_entry> entries, std::span<const std::uint64_t> uses, std::uint32_t segment,
                                            std::uint64_t records_end) {
  std::vector<std::byte> footer(segment_footer::size_for(entries.size()));
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].encode(footer.data() + i * footer_entry::encoded_size);
  const std::size_t entries_size = entries.size() * footer_entry::encoded_size;
  if (!uses.empty()) std::memcpy(footer.data() + entries_size, uses.data(), entries.size() * 8);
  std::byte* const trailer = footer.data() + footer.size() - segment_footer::trailer_size;
  const auto put = [trailer](std::size_t where, auto value) { std::memcpy(trailer + where, &value, sizeof value); };
  std::memcpy(trailer, segment_footer::magic.data(), segment_footer::magic.size());
  put(8, segment_footer::version);
  put(12, segment);
  put(16, static_cast<std::uint64_t>(entries.size()));
  put(24, records_end);
  put(32, static_cast<std::uint64_t>(XXH3_64bits(footer.data(), entries_size)));
  put(56, static_cast<std::uint64_t>(XXH3_64bits(trailer, 56)));
  return footer;
}

}  // namespace larder::format
