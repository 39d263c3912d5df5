#pragma once

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>

#include <sys/stat.h>

namespace larder::artifacts {

/// What tells one state of a file from another without reading it.
struct file_stamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  ///< ns since 1970
  std::int64_t changed = 0;   ///< the same of its names, mode and content: what `utimes` cannot set back

  /// Whether it was changed so shortly before that its next change could have the same time: file systems round to 2 s at most.
  bool is_fresh_at(instant now) const noexcept { return instant(std::max(modified, changed)) + std::chrono::seconds(2) > now; }
  bool operator==(const file_stamp&) const noexcept = default;
};

inline file_stamp stamp_of(const struct stat& answer) noexcept {
  return {static_cast<std::uint64_t>(answer.st_dev), static_cast<std::uint64_t>(answer.st_ino),
          answer.st_size < 0 ? 0 : static_cast<std::uint64_t>(answer.st_size), storage::posix::nanoseconds_of(answer.st_mtim),
          storage::posix::nanoseconds_of(answer.st_ctim)};
}

/// Of an open file. Throws `storage::file_error`; `larder::error` (invalid_argument) when it is no regular file.
inline file_stamp stamp_of(const storage::file_descriptor& file, const std::string& path) {
  struct stat answer {};
  if (::fstat(file.get(), &answer) != 0) storage::fail_file("look at", path, errno);
  if (!S_ISREG(answer.st_mode))
    core::fail(error_cause::invalid_argument,
               "\"" + path + "\" is no regular file" + (S_ISDIR(answer.st_mode) ? ", but a folder" : "") + "; name a file");
  return stamp_of(answer);
}

}  // namespace larder::artifacts
