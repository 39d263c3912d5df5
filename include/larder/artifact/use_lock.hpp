#pragma once

#include <larder/artifact/lock_file.hpp>
#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>

namespace larder::artifacts {

/// A lock that many share and one may have alone, of an open file description: gone with the last process that holds it, however that ends. A
/// child of `fork` shares what its parent holds. For what is used (shared) and taken away (alone).
class use_lock {
 public:
  /// Shares the lock of a file, waiting for who has it alone (who must hold it for short); makes the file where it is missing. Nothing when its
  /// folder is not there. Throws `larder::error` (invalid_argument) when the path is a symbolic link.
  static std::optional<use_lock> share(const std::filesystem::path& path) { return open_and_lock(path, F_RDLCK, true, true); }
  /// The same for a file that must be there.
  static std::optional<use_lock> share_existing(const std::filesystem::path& path) {
    return open_and_lock(path, F_RDLCK, true, false);
  }
  /// Has it alone, waiting for all others.
  static std::optional<use_lock> alone(const std::filesystem::path& path) { return open_and_lock(path, F_WRLCK, true, true); }
  /// Has it alone; nothing when anybody else has it in any way, and when there is no such file.
  static std::optional<use_lock> try_alone(const std::filesystem::path& path) {
    return open_and_lock(path, F_WRLCK, false, false);
  }

  /// Has it alone from now on, if nobody else has it in any way at this moment; what is held stays held else. For a short while: others wait.
  bool try_become_alone() noexcept { return set_lock(file_, F_WRLCK); }
  /// Shares it again.
  void become_shared() noexcept { set_lock(file_, F_RDLCK); }

  const storage::file_descriptor& file() const noexcept { return file_; }
  const std::string& path() const noexcept { return path_; }

  /// Whether the file that is locked still has its name: false once somebody removed it.
  bool is_at_its_path() const noexcept { return is_at_path(file_, path_); }

 private:
  use_lock(std::string path, storage::file_descriptor file) : path_(std::move(path)), file_(std::move(file)) {}

  static std::optional<use_lock> open_and_lock(const std::filesystem::path& path, short kind, bool wait, bool create) {
    const std::string name = path.string();
    for (;;) {
      storage::file_descriptor file = open_lock_file(name, O_RDWR | (create ? O_CREAT : 0));
      if (!file && kind == F_RDLCK && (errno == EACCES || errno == EROFS || errno == EPERM))
        file = open_lock_file(name, O_RDONLY);  // who may only read may use
      if (!file) {
        const int number = errno;
        if (number == ENOENT || number == ENOTDIR) return std::nullopt;
        storage::fail_file("open the lock file", name, number);
      }
      if (!set_lock(file, kind, wait)) {
        if (!wait && is_held_elsewhere()) return std::nullopt;
        storage::fail_file("lock", name, errno);
      }
      use_lock held(name, std::move(file));
      if (held.is_at_its_path()) return std::optional<use_lock>(std::move(held));
    }
  }

  std::string path_;
  storage::file_descriptor file_;
};

}  // namespace larder::artifacts
