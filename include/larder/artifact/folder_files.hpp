#pragma once

#include <larder/artifact/file_stamp.hpp>
#include <larder/core/error.hpp>
#include <larder/format/tensor_name.hpp>
#include <larder/format/utf8.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace larder::artifacts {

/// A file below a folder.
struct folder_file {
  std::string name;            ///< below the folder, with '/' between its parts
  std::filesystem::path path;  ///< where it can be opened
  file_stamp stamp{};
};

/// The regular files below a folder, by name. Symbolic links are followed, to folders, too, as far as they stay below the folder; or anywhere, with
/// `outside_links`. Throws `larder::error` that names what stands in the way: a link that leads out, to nowhere or in a circle, something that is neither
/// file nor folder, a name that is not UTF-8.
class folder_files {
 public:
  folder_files(std::filesystem::path folder, bool outside_links, std::stop_token stop)
      : folder_(std::move(folder)), outside_links_(outside_links), stop_(std::move(stop)) {
    std::error_code failed;
    root_ = std::filesystem::canonical(folder_, failed);
    if (failed) storage::fail_file("open the folder", folder_.string(), failed.value());
  }

  std::vector<folder_file> list() {
    enter(folder_, "", looked_at(folder_));
    std::sort(files_.begin(), files_.end(), [](const folder_file& a, const folder_file& b) { return a.name < b.name; });
    return std::move(files_);
  }

 private:
  static constexpr std::size_t deepest = 128;

  [[noreturn, gnu::noinline, gnu::cold]] void refuse(const std::filesystem::path& path, const std::string& why) const {
    core::fail(error_cause::invalid_argument,
               format::printable_name(path.string()) + " in the folder \"" + folder_.string() + "\" " + why);
  }

  static struct stat looked_at(const std::filesystem::path& path) {
    struct stat seen {};
    if (::stat(path.c_str(), &seen) != 0) storage::fail_file("look at", path.string(), errno);
    return seen;
  }

  void enter(const std::filesystem::path& folder, const std::string& prefix, const struct stat& seen) {
    if (stop_.stop_requested())
      core::fail(error_cause::cancelled, "the listing of \"" + folder_.string() + "\" was stopped before its end");
    const std::pair<dev_t, ino_t> self(seen.st_dev, seen.st_ino);
    if (std::find(entered_.begin(), entered_.end(), self) != entered_.end()) refuse(folder, "leads in a circle; remove the link");
    if (entered_.size() == deepest) refuse(folder, "lies deeper than " + std::to_string(deepest) + " folders");
    entered_.push_back(self);
    std::error_code failed;
    std::filesystem::directory_iterator at(folder, failed);
    for (const std::filesystem::directory_iterator end; !failed && at != end; at.increment(failed)) meet(at->path(), prefix);
    if (failed) storage::fail_file("list the folder", folder.string(), failed.value());
    entered_.pop_back();
  }

  void meet(const std::filesystem::path& path, const std::string& prefix) {
    struct stat seen {};
    if (::lstat(path.c_str(), &seen) != 0) storage::fail_file("look at", path.string(), errno);
    if (S_ISLNK(seen.st_mode)) seen = followed(path);
    std::string name = prefix + path.filename().string();
    if (!format::is_utf8(name)) refuse(path, "has a name that is not UTF-8; rename it");
    if (S_ISDIR(seen.st_mode)) return enter(path, name + '/', seen);
    if (!S_ISREG(seen.st_mode)) refuse(path, "is neither a file nor a folder; move it elsewhere");
    files_.push_back({std::move(name), path, stamp_of(seen)});
  }

  struct stat followed(const std::filesystem::path& path) const {
    std::error_code failed;
    const std::filesystem::path target = std::filesystem::canonical(path, failed);
    if (failed) refuse(path, "is a symbolic link that leads nowhere (" + failed.message() + "); remove it");
    if (!outside_links_ && std::mismatch(root_.begin(), root_.end(), target.begin(), target.end()).first != root_.end())
      refuse(path, "is a symbolic link to \"" + target.string() +
                       "\", outside of the folder; put a copy in its place, or allow `outside_links`");
    return looked_at(path);
  }

  std::filesystem::path folder_, root_;
  bool outside_links_;
  std::stop_token stop_;
  std::vector<std::pair<dev_t, ino_t>> entered_;
  std::vector<folder_file> files_;
};

}  // namespace larder::artifacts
