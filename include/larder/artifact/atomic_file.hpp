#pragma once

// Small files that are there as a whole or not at all: records, manifests, entries. They are opened without following a symbolic link, and one
// in their place is refused, so that nobody who may write in the folder can turn a write or a read to another file.

#include <larder/core/error.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder::artifacts {

inline constexpr std::size_t largest_small_file = std::size_t{16} << 20U;

/// Ends the name of a file that is still being written.
inline constexpr std::string_view unfinished_suffix = ".new";

struct atomic_write {
  bool durable = false;  ///< the file and its name are on the device when the write returns
  mode_t mode = 0666;    ///< less the umask
  bool replace = true;   ///< in place of what is there; else a file that is there stays
};

[[noreturn, gnu::noinline, gnu::cold]] inline void refuse_link(const std::string& path, std::string_view what) {
  core::fail(error_cause::invalid_argument,
             std::string(what) + " \"" + path + "\" is a symbolic link, which is not followed; remove the link");
}

/// Refuses a path that is a symbolic link. Throws `larder::error` (invalid_argument), `storage::file_error`.
inline void check_no_link(const std::string& path, std::string_view what) {
  struct stat answer {};
  if (::lstat(path.c_str(), &answer) == 0) {
    if (S_ISLNK(answer.st_mode)) refuse_link(path, what);
  } else if (errno != ENOENT && errno != ENOTDIR) {
    storage::fail_file("look at", path, errno);
  }
}

/// Puts a folder's names on the device, as far as the file system does that.
inline void sync_folder(const std::filesystem::path& folder) {
  const storage::file_descriptor opened(
      storage::uninterrupted([&] { return ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!opened) storage::fail_file("open the folder", folder.string(), errno);
  if (::fsync(opened.get()) != 0 && errno != EINVAL && errno != ENOTSUP)
    storage::fail_file("sync the folder", folder.string(), errno);
}

/// Gives a file a name that no other may have: whether it was free. On a file system that has neither such a step nor second names, another's file
/// that comes between the look and the step is replaced. Throws `storage::file_error`.
inline bool move_where_free(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) storage::fail_file("publish", to, errno);
  if (::link(from.c_str(), to.c_str()) == 0) {
    ::unlink(from.c_str());
    return true;
  }
  if (errno == EEXIST) return false;
  if (errno != EPERM && errno != ENOTSUP && errno != ENOSYS && errno != EMLINK) storage::fail_file("publish", to, errno);
  if (storage::identify(to)) return false;
  if (::rename(from.c_str(), to.c_str()) != 0) storage::fail_file("publish", to, errno);
  return true;
}

/// Writes a file beside and moves it to its name at once. Whether it did: false only when one is there that is not to be replaced. Throws
/// `storage::file_error`; `larder::error` (invalid_argument) when the name is a symbolic link. Nothing is left then.
inline bool write_atomically(const std::filesystem::path& path, std::string_view content, const atomic_write& how = {}) {
  const std::string target = path.string();
  check_no_link(target, "the file");
  const std::string beside = target + '.' + remote::random_mark() + std::string(unfinished_suffix);
  storage::file_descriptor file = storage::open_file(beside, O_CREAT | O_EXCL | O_WRONLY, how.mode);
  if (!file) storage::fail_file("create", beside, errno);
  try {
    storage::write_at(file, std::as_bytes(std::span(content)), {}, 0, beside);
    if (how.durable && ::fsync(file.get()) != 0) storage::fail_file("sync", beside, errno);
    if (const int failed = file.close(); failed != 0) storage::fail_file("write", beside, failed);
    if (how.replace) {
      if (::rename(beside.c_str(), target.c_str()) != 0) storage::fail_file("publish", target, errno);
    } else if (!move_where_free(beside, target)) {
      ::unlink(beside.c_str());
      return false;
    }
  } catch (...) {
    ::unlink(beside.c_str());
    throw;
  }
  if (how.durable) sync_folder(path.parent_path());
  return true;
}

/// All of an open regular file; nothing when it is longer than `most`. Throws `storage::file_error`.
inline std::optional<std::string> read_whole(const storage::file_descriptor& file, const std::string& path, std::size_t most) {
  const storage::file_identity seen = storage::identify(file, path);
  if (seen.size > most) return std::nullopt;
  std::string content(static_cast<std::size_t>(seen.size), '\0');
  content.resize(storage::read_at(file, content.data(), content.size(), 0, path));
  return content;
}

/// Opens a file that larder wrote, for reading; nothing when there is none. Throws `storage::file_error`; `larder::error` (invalid_argument) when
/// it is a symbolic link, (corruption) when it is no regular file.
inline storage::file_descriptor open_small_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  storage::file_descriptor file = storage::open_file(name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file) {
    const int number = errno;
    if (number == ENOENT || number == ENOTDIR) return file;
    if (number == ELOOP) refuse_link(name, "the file");
    if (number != ENXIO) storage::fail_file("open", name, number);
  }
  if (!file || !storage::identify(file, name).regular)
    core::fail(error_cause::corruption, "\"" + name + "\" is no regular file; remove it");
  return file;
}

/// The content of a small file; nothing when there is none. Throws as `open_small_file`, and (corruption) when it is longer than `most`.
inline std::optional<std::string> read_small_file(const std::filesystem::path& path, std::size_t most = largest_small_file) {
  const storage::file_descriptor file = open_small_file(path);
  if (!file) return std::nullopt;
  std::optional<std::string> content = read_whole(file, path.string(), most);
  if (!content)
    core::fail(error_cause::corruption, "\"" + path.string() + "\" is longer than " + std::to_string(most) + " bytes; remove it");
  return content;
}

/// Removes what writers that died have left in a folder, once it is an hour old: files whose names end with ".new". How many.
inline std::size_t remove_unfinished(const std::filesystem::path& folder,
                                     std::chrono::seconds older_than = std::chrono::hours(1)) {
  std::size_t removed = 0;
  const auto latest = std::filesystem::file_time_type::clock::now() - older_than;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (!at->path().filename().string().ends_with(unfinished_suffix)) continue;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(at->symlink_status(ignored))) continue;
    const auto written = std::filesystem::last_write_time(at->path(), ignored);
    if (!ignored && written < latest && ::unlink(at->path().c_str()) == 0) ++removed;
  }
  return removed;
}

}  // namespace larder::artifacts
