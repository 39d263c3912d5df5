#pragma once

#include <larder/storage/posix_file.hpp>

#include <filesystem>
#include <system_error>

namespace larder::artifacts {

/// Makes a folder and those above it, where they are missing; links to folders on the way are followed. Throws `storage::file_error`.
inline void make_folder_tree(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) storage::fail_file("create the folder", folder.string(), failed.value());
}

}  // namespace larder::artifacts
