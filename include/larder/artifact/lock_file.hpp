#pragma once

// What locks of open file descriptions (F_OFD_SETLK) are made of. They exclude threads and processes alike, and are gone with the last process that has
// the file open, however that ends. A lock counts only while the file that is locked is the one that others find at its path.

#include <larder/artifact/atomic_file.hpp>
#include <larder/core/error.hpp>
#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder::artifacts {

/// Takes a lock of this kind (F_RDLCK, F_WRLCK), changes the one that is held to it, or lets go (F_UNLCK). False, with errno, when it is refused.
inline bool set_lock(const storage::file_descriptor& file, short kind, bool wait = false) noexcept {
  struct flock wanted {};
  wanted.l_type = kind;
  wanted.l_whence = SEEK_SET;
  return storage::uninterrupted([&] { return ::fcntl(file.get(), wait ? F_OFD_SETLKW : F_OFD_SETLK, &wanted); }) == 0;
}
/// Whether errno says that somebody else holds the lock.
inline bool is_held_elsewhere() noexcept { return errno == EAGAIN || errno == EACCES; }

/// Opens a lock's file, or makes it where `flags` say so; nothing, with errno, where the system refuses. Throws `larder::error` (invalid_argument)
/// when the path is a symbolic link, or no regular file.
inline storage::file_descriptor open_lock_file(const std::string& path, int flags) {
  storage::file_descriptor file = storage::open_file(path, flags | O_NONBLOCK | O_NOCTTY);
  if (!file && errno == ELOOP) refuse_link(path, "the lock file");
  if (file && !storage::identify(file, path).regular)
    core::fail(error_cause::invalid_argument, "the lock file \"" + path + "\" is no regular file; remove it");
  return file;
}

/// Whether an open file is the one that has this name: false once somebody removed it.
inline bool is_at_path(const storage::file_descriptor& file, const std::string& path) noexcept {
  struct stat there {
  }, here{};
  return ::fstat(file.get(), &here) == 0 && ::lstat(path.c_str(), &there) == 0 && here.st_dev == there.st_dev &&
         here.st_ino == there.st_ino;
}

}  // namespace larder::artifacts
