#pragma once

#include <larder/core/error.hpp>
#include <larder/serve/chunk_address.hpp>
#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

namespace larder::serve {

/// What tells one content of a name from the next.
struct file_stamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  ///< ns
  std::int64_t changed = 0;   ///< ns: of the file's time of change too, which copying programs cannot set

  friend bool operator==(const file_stamp&, const file_stamp&) = default;
};

/// A regular file of the directory, open for reading.
struct chunk_file {
  storage::file_descriptor file;
  file_stamp stamp;
};

/// The folder that a server may read: chunks lie directly in it, manifests as `manifests/<model>.json`. It is opened once, so that what its
/// path names later does not matter. Only regular files are there for clients: names are single components and no symbolic link is followed,
/// so nothing outside can be reached. Every member may be called from any thread.
class served_directory {
 public:
  /// Throws `larder::error` when there is no such folder that may be read.
  explicit served_directory(std::string path)
      : path_(std::move(path)),
        folder_(storage::uninterrupted([this] { return ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); })) {
    if (!folder_)
      core::fail(error_cause::io, "weight_server: chunks_dir \"" + path_ +
                                      "\" cannot be opened: " + std::generic_category().message(errno) +
                                      "; make the folder, or give the one that holds the chunks");
  }

  const std::string& path() const noexcept { return path_; }

  /// The file as it is now; nothing when it is not there for clients. Throws `larder::error` when the system fails otherwise.
  std::optional<file_stamp> look_at(const chunk_address& asked) const {
    struct stat found {};
    if (!asked.manifest) return seen(::fstatat(folder_.get(), name_of(asked).c_str(), &found, AT_SYMLINK_NOFOLLOW), found);
    const storage::file_descriptor manifests = open_manifests();
    return manifests ? seen(::fstatat(manifests.get(), name_of(asked).c_str(), &found, AT_SYMLINK_NOFOLLOW), found) : absent();
  }

  /// The same, opened.
  std::optional<chunk_file> open(const chunk_address& asked) const {
    if (!look_at(asked)) return std::nullopt;  // opening a device or a pipe may do something
    storage::file_descriptor file;
    if (asked.manifest) {
      const storage::file_descriptor manifests = open_manifests();
      file = open_in(manifests, name_of(asked));
    } else {
      file = open_in(folder_, name_of(asked));
    }
    if (!file) {
      absent();
      return std::nullopt;
    }
    const std::optional<file_stamp> stamp = stamp_of(file);
    if (!stamp) return std::nullopt;
    return chunk_file{std::move(file), *stamp};
  }

  /// The file behind a descriptor, as it is now; nothing when it is no regular one.
  static std::optional<file_stamp> stamp_of(const storage::file_descriptor& file) {
    struct stat found {};
    return seen(::fstat(file.get(), &found), found);
  }

 private:
  static std::string name_of(const chunk_address& asked) { return std::string(asked.name()) + (asked.manifest ? ".json" : ""); }

  storage::file_descriptor open_manifests() const noexcept {
    return storage::file_descriptor(storage::uninterrupted(
        [this] { return ::openat(folder_.get(), "manifests", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
  }
  static storage::file_descriptor open_in(const storage::file_descriptor& folder, const std::string& name) noexcept {
    return storage::file_descriptor(storage::uninterrupted(
        [&] { return ::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); }));
  }
  static std::optional<file_stamp> seen(int answer, const struct stat& found) {
    if (answer != 0) return absent();
    if (!S_ISREG(found.st_mode)) return std::nullopt;
    return file_stamp{found.st_dev, found.st_ino, static_cast<std::uint64_t>(found.st_size),
                      storage::posix::nanoseconds_of(found.st_mtim), storage::posix::nanoseconds_of(found.st_ctim)};
  }
  /// Nothing, when errno says that it is not there, or is no file; another failure is thrown, without the name.
  static std::optional<file_stamp> absent() {
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENXIO)
      core::fail(error_cause::io, "a file of chunks_dir cannot be opened: " + std::generic_category().message(errno));
    return std::nullopt;
  }

  std::string path_;
  storage::file_descriptor folder_;
};

}  // namespace larder::serve
