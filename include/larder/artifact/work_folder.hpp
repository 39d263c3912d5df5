#pragma once

#include <larder/artifact/folder_tree.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <filesystem>
#include <utility>

#include <sys/stat.h>

namespace larder::artifacts {

/// A folder that goes with this object, unless it was published or let go.
class work_folder {
 public:
  explicit work_folder(std::filesystem::path path) : path_(std::move(path)) {}
  /// An empty one below the system's temporary folder, which its owner alone may look into. Throws `storage::file_error`.
  static work_folder elsewhere() {
    const std::filesystem::path path = std::filesystem::temp_directory_path() / ("larder-pass-" + remote::random_mark());
    if (::mkdir(path.c_str(), 0700) != 0) storage::fail_file("create the folder", path.string(), errno);
    return work_folder(path);
  }
  work_folder(work_folder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  work_folder& operator=(work_folder&&) = delete;
  work_folder(const work_folder&) = delete;
  work_folder& operator=(const work_folder&) = delete;
  ~work_folder() {
    if (!path_.empty()) remove_tree(path_);
  }

  const std::filesystem::path& path() const noexcept { return path_; }
  /// It stays.
  void let_go() noexcept { path_.clear(); }

 private:
  std::filesystem::path path_;
};

}  // namespace larder::artifacts
