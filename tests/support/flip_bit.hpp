#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>

namespace support {

/// Changes the lowest bit of a byte of a file, in place.
inline void flip_bit(const std::filesystem::path& path, std::uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char c = static_cast<char>(file.get());
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(c ^ 1));
}

}  // namespace support
