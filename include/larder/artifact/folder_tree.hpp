#pragma once

#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace larder::artifacts {

/// Makes a folder and those above it, where they are missing; links to folders on the way are followed. Throws `storage::file_error`.
inline void make_folder_tree(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) storage::fail_file("create the folder", folder.string(), failed.value());
}

/// Removes a folder and all that lies in it, as far as that can be done.
inline void remove_tree(const std::filesystem::path& tree) noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(tree, ignored);
}

/// f(), once more after `make()` when a folder was missing: somebody may take folders away by hand.
template <class Make, class F>
auto in_folders(Make&& make, F&& f) {
  try {
    return f();
  } catch (const storage::file_error& e) {
    if (e.number() != ENOENT) throw;
  }
  make();
  return f();
}

/// f(path) for what lies in a folder, in no order; nothing of one that is missing. Throws `storage::file_error`.
template <class F>
void for_each_entry(const std::filesystem::path& folder, F&& f) {
  std::error_code failed;
  for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) f(at->path());
  if (failed && failed != std::errc::no_such_file_or_directory)
    storage::fail_file("list the folder", folder.string(), failed.value());
}

}  // namespace larder::artifacts
