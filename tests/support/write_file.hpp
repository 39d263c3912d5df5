#pragma once

#include <filesystem>
#include <fstream>
#include <ios>
#include <string_view>

namespace support {

/// Writes a file anew, in folders that need not be there.
inline void write_file(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace support
