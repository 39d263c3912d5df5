#pragma once

#include <larder/artifact/file_copy.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder {

/// How a file of a content-addressed folder gets a second place.
enum class link_mode : std::uint8_t {
  automatic,  ///< a relative link where there are such, else a hard link, else a copy
  relative,   ///< a symbolic link with a relative target: both may be moved together
  hard,       ///< a second name
  copy,       ///< a file of its own, whose blocks are shared where the file system can
};

namespace artifacts {

/// The beginning of names that files have while they are made beside their place.
inline constexpr const char* beside_prefix = ".larder-new-";

inline std::filesystem::path name_beside(const std::filesystem::path& path) {
  return path.parent_path() / (beside_prefix + remote::random_mark());
}

/// The file that a path leads to, links followed; nothing when it leads to none.
inline std::optional<storage::file_identity> target_of(const std::string& path) noexcept {
  struct stat answer {};
  if (::stat(path.c_str(), &answer) != 0) return std::nullopt;
  return storage::posix::identity_of(answer);
}

/// Puts a second place for a file at `path`, instead of what is there, so that at any moment the old or the new is found. The folder of `path`
/// is there. What it became. Throws `larder::error` when `mode` cannot be done.
class file_linker {
 public:
  file_linker(std::filesystem::path target, std::filesystem::path path)
      : target_(std::move(target)), path_(std::move(path)), beside_(name_beside(path_)) {}
  file_linker(const file_linker&) = delete;
  file_linker& operator=(const file_linker&) = delete;
  ~file_linker() {
    if (made_) ::unlink(beside_.c_str());
  }

  link_mode link(link_mode mode) {
    const std::optional<storage::file_identity> wanted = target_of(target_.string());
    if (!wanted || !wanted->regular) core::fail(error_cause::io, "cannot link to \"" + target_.string() + "\": it is no file");
    if (mode == link_mode::relative || mode == link_mode::automatic) {
      if (try_relative(*wanted)) return put(link_mode::relative);
      if (mode == link_mode::relative) refuse("make a relative link");
    }
    if (mode == link_mode::hard || mode == link_mode::automatic) {
      if (::link(target_.c_str(), beside_.c_str()) == 0) return put(link_mode::hard);
      if (mode == link_mode::hard) refuse("make a hard link");
    }
    copy(wanted->size);
    return put(link_mode::copy);
  }

 private:
  [[noreturn]] void refuse(const char* doing) const { storage::fail_file(doing, path_.string(), errno); }

  /// Where a folder on the way is itself a link, `..` leads elsewhere: then the places that they really are count.
  bool try_relative(const storage::file_identity& wanted) {
    const auto leads_there = [&](const std::filesystem::path& text) {
      if (text.empty() || text.is_absolute() || ::symlink(text.c_str(), beside_.c_str()) != 0) return false;
      made_ = true;
      const std::optional<storage::file_identity> found = target_of(beside_.string());
      if (found && found->same_file(wanted)) return true;
      ::unlink(beside_.c_str());
      made_ = false;
      errno = ENOENT;
      return false;
    };
    if (leads_there(target_.lexically_relative(path_.parent_path()))) return true;
    std::error_code failed;
    const std::filesystem::path folder = std::filesystem::canonical(path_.parent_path(), failed);
    const std::filesystem::path there = std::filesystem::canonical(target_.parent_path(), failed);
    return !failed && leads_there((there / target_.filename()).lexically_relative(folder));
  }
  void copy(std::uint64_t size) {
    const storage::file_descriptor from = storage::open_file(target_.string(), O_RDONLY);
    if (!from) storage::fail_file("open", target_.string(), errno);
    const storage::file_descriptor to = storage::open_file(beside_.string(), O_WRONLY | O_CREAT | O_EXCL);
    if (!to) storage::fail_file("create", beside_.string(), errno);
    made_ = true;
    copy_range(from, target_.string(), 0, to, beside_.string(), 0, size);
  }
  link_mode put(link_mode as) {
    made_ = true;
    if (::rename(beside_.c_str(), path_.c_str()) != 0) refuse("put a link at");
    if (as != link_mode::hard) made_ = false;  // a second name of one file: rename does nothing, and leaves the other name
    return as;
  }

  std::filesystem::path target_;
  std::filesystem::path path_;
  std::filesystem::path beside_;
  bool made_ = false;
};

}  // namespace artifacts
}  // namespace larder
