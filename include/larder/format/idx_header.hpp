#pragma once

// The header of an IDX file, as MNIST's are: two zeros, the type of the elements, the number of dimensions, then each dimension in 4 bytes,
// most significant first. The elements follow up to the end of the file, most significant byte first as well. Every file is taken for hostile.

#include <larder/core/error.hpp>
#include <larder/format/compression_mark.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder::format {

/// What elements of an IDX file are; the numbers are those of the format.
enum class idx_type : std::uint8_t { u8 = 0x08, i8 = 0x09, i16 = 0x0b, i32 = 0x0c, f32 = 0x0d, f64 = 0x0e };

/// Bytes of an element.
constexpr std::uint64_t size_of(idx_type type) noexcept {
  switch (type) {
    case idx_type::u8:
    case idx_type::i8:
      return 1;
    case idx_type::i16:
      return 2;
    case idx_type::i32:
    case idx_type::f32:
      return 4;
    case idx_type::f64:
      break;
  }
  return 8;
}

struct idx_header {
  idx_type type = idx_type::u8;
  std::vector<std::uint32_t> shape;  ///< the first one counts the records
  std::uint64_t data_begin = 0;
  std::uint64_t record_size = 0;  ///< bytes
};

/// The longest header: 255 dimensions.
inline constexpr std::uint64_t idx_header_limit = 4 + 4 * 255;

/// What a file of `file_size` bytes holds that begins so; `begin` has the whole header, or all of the file. Its records fill the file
/// exactly; anything else throws `larder::error` (corruption).
inline idx_header parse_idx_header(std::span<const std::byte> begin, std::uint64_t file_size, std::string_view file = "idx") {
  const auto refuse = [&](const std::string& why) {
    core::fail(error_cause::corruption, std::string(file) + ": not a valid IDX file: " + why);
  };
  const auto byte_at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(begin[i]); };
  if (const std::string_view compression = compression_of(begin); !compression.empty())
    refuse("it is compressed with " + std::string(compression) + "; decompress it first");
  if (begin.size() < 4) refuse("it has " + std::to_string(file_size) + " bytes; a header takes 4 and more");
  if (byte_at(0) != 0 || byte_at(1) != 0) refuse("it does not begin with two zeros");
  idx_header header;
  const std::uint32_t type = byte_at(2);
  if (type != 0x08 && type != 0x09 && (type < 0x0b || type > 0x0e))
    refuse("byte 2: the unknown type " + std::to_string(type) + " of elements");
  header.type = static_cast<idx_type>(type);
  const std::size_t dimensions = byte_at(3);
  if (dimensions == 0) refuse("byte 3: it has no dimensions");
  header.data_begin = 4 + 4 * dimensions;
  if (begin.size() < header.data_begin)
    refuse("byte 4: its " + std::to_string(dimensions) + " dimensions pass the end of the file");
  header.record_size = size_of(header.type);
  for (std::size_t i = 0; i < dimensions; ++i) {
    const std::size_t at = 4 + 4 * i;
    header.shape.push_back(byte_at(at) << 24U | byte_at(at + 1) << 16U | byte_at(at + 2) << 8U | byte_at(at + 3));
    if (i == 0) continue;
    const std::uint64_t dimension = header.shape.back();
    if (dimension == 0) refuse("byte " + std::to_string(at) + ": a dimension is 0");
    if (header.record_size > std::numeric_limits<std::uint64_t>::max() / dimension)
      refuse("byte " + std::to_string(at) + ": a record passes 2^64 bytes");
    header.record_size *= dimension;
  }
  const std::uint64_t count = header.shape.front();
  const std::uint64_t data = file_size - header.data_begin;
  if (data % header.record_size != 0 || data / header.record_size != count)
    refuse("its header says " + std::to_string(count) + " records of " + std::to_string(header.record_size) + " bytes; " +
           std::to_string(data) + " bytes follow it");
  return header;
}

}  // namespace larder::format
