#pragma once

#include "support/temporary_folder.hpp"

#include <zlib.h>
#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

class file_directory : public support::temporary_folder {
 public:
  /// Writes a file and returns its path.
  std::string file(const std::string& name, std::string_view content) const {
    std::ofstream(*this / name, std::ios::binary) << content;
    return (*this / name).string();
  }
};

inline std::string gzipped(std::string_view content) {
  z_stream stream{};
  ::deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(::deflateBound(&stream, static_cast<uLong>(content.size())), '\0');
  std::string copy(content);
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int code = ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (code != Z_STREAM_END) throw std::runtime_error("gzip");
  return packed;
}

inline std::string zstd_packed(std::string_view content) {
  std::string packed(::ZSTD_compressBound(content.size()), '\0');
  const std::size_t size = ::ZSTD_compress(packed.data(), packed.size(), content.data(), content.size(), 3);
  if (::ZSTD_isError(size) != 0) throw std::runtime_error("zstd");
  packed.resize(size);
  return packed;
}

/// One record of oracleGeneral.
inline std::string oracle_record(std::uint32_t time, std::uint64_t id, std::uint32_t size, std::int64_t next) {
  std::string record;
  const auto append = [&](std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) record += static_cast<char>(value >> (8 * i));
  };
  append(time, 4);
  append(id, 8);
  append(size, 4);
  append(static_cast<std::uint64_t>(next), 8);
  return record;
}
