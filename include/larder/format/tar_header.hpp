#pragma once

// The headers of a tar archive: blocks of 512 bytes in the formats v7, ustar and GNU. Every block is taken for hostile: numbers are
// octal or base-256 as a whole field, and the checksum has to be right, summed over signed or over unsigned bytes, since writers did both.

#include <larder/core/error.hpp>
#include <larder/format/compression_mark.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace larder::format {

inline constexpr std::uint64_t tar_block = 512;

/// What a header says, as it says it: the name may be a stand-in for one that an extension gives.
struct tar_header {
  std::string name;
  std::uint64_t size = 0;
  char type = '0';
};

namespace tar_rules {

[[noreturn]] inline void refuse(std::string_view file, std::uint64_t offset, const std::string& why) {
  core::fail(error_cause::corruption,
             std::string(file) + ": not a valid tar archive: byte " + std::to_string(offset) + ": " + why);
}

/// A field that ends at a NUL or where it is full.
inline std::string_view text_field(std::span<const std::byte> block, std::size_t begin, std::size_t size) noexcept {
  const std::string_view field(reinterpret_cast<const char*>(block.data()) + begin, size);
  return field.substr(0, std::min(field.find('\0'), size));
}

/// A number of a field: octal digits between blanks, or base-256. Nothing when it is no number from 0 to 2^63.
inline std::optional<std::uint64_t> number_field(std::span<const std::byte> field) noexcept {
  const auto byte_at = [&](std::size_t i) { return std::to_integer<std::uint64_t>(field[i]); };
  std::uint64_t number = 0;
  if ((byte_at(0) & 0x80U) != 0) {                       // base-256: what octal digits have no room for
    if ((byte_at(0) & 0x40U) != 0) return std::nullopt;  // negative
    number = byte_at(0) & 0x3fU;
    for (std::size_t i = 1; i < field.size(); ++i) {
      if (number >> 55U != 0) return std::nullopt;
      number = number << 8U | byte_at(i);
    }
    return number;
  }
  std::size_t i = 0;
  while (i < field.size() && byte_at(i) == ' ') ++i;
  for (; i < field.size() && byte_at(i) >= '0' && byte_at(i) <= '7'; ++i) number = number << 3U | (byte_at(i) - '0');
  for (; i < field.size(); ++i)
    if (byte_at(i) != 0 && byte_at(i) != ' ') return std::nullopt;
  return number;
}

inline bool is_zero(std::span<const std::byte> block) noexcept {
  return std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace tar_rules

/// What a block of `tar_block` bytes at `offset` of the archive says; throws `larder::error` (corruption) when it is no header.
inline tar_header parse_tar_header(std::span<const std::byte> block, std::uint64_t offset, std::string_view file) {
  constexpr std::size_t checksum_begin = 148;
  constexpr std::size_t checksum_size = 8;
  const auto refuse = [&](const std::string& why) { tar_rules::refuse(file, offset, why); };
  if (block.size() != tar_block) refuse("a header has 512 bytes, not " + std::to_string(block.size()));

  std::uint64_t as_unsigned = 0;
  std::int64_t as_signed = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool of_checksum = i >= checksum_begin && i < checksum_begin + checksum_size;  // counts as blanks
    const auto value = of_checksum ? static_cast<unsigned char>(' ') : std::to_integer<unsigned char>(block[i]);
    as_unsigned += value;
    as_signed += static_cast<signed char>(value);
  }
  const std::optional<std::uint64_t> said = tar_rules::number_field(block.subspan(checksum_begin, checksum_size));
  if (!said || (*said != as_unsigned && static_cast<std::int64_t>(*said) != as_signed)) {
    const std::string_view compression = offset == 0 ? compression_of(block) : std::string_view{};
    if (!compression.empty()) refuse("it is compressed with " + std::string(compression) + "; decompress it first");
    refuse("a header is expected here, and its checksum is not right; the file is damaged or no tar archive");
  }

  tar_header header;
  header.type = static_cast<char>(block[156]);
  const std::optional<std::uint64_t> size = tar_rules::number_field(block.subspan(124, 12));
  if (!size) refuse("the size is not a number from 0 to 2^63");
  header.size = *size;
  const std::string_view magic(reinterpret_cast<const char*>(block.data()) + 257, 6);
  // GNU's magic ends in a blank; it has times where ustar has the begin of a name.
  if (const std::string_view prefix = tar_rules::text_field(block, 345, 155);
      magic == std::string_view("ustar\0", 6) && !prefix.empty())
    header.name.append(prefix).append("/");
  header.name.append(tar_rules::text_field(block, 0, 100));
  return header;
}

}  // namespace larder::format
