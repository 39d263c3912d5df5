#pragma once

// What the file storages need of POSIX files: a descriptor that closes itself, whole reads and writes at an offset with
// EINTR and short counts retried, and errors that keep their errno.

#include <larder/core/error.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

namespace larder::storage {

/// A failed system call: a `larder::error` that still knows the errno.
class file_error : public error {
 public:
  file_error(error_cause cause, const std::string& message, int number) : error(cause, message), number_(number) {}
  int number() const noexcept { return number_; }

 private:
  int number_;
};

/// Throws `file_error`: `cannot <doing> "<path>": <what the system says>`.
[[noreturn, gnu::noinline, gnu::cold]] inline void fail_file(std::string_view doing, std::string_view path, int number) {
  const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
  std::string message = "cannot ";
  message.append(doing).append(" \"").append(path).append("\": ").append(std::generic_category().message(number));
  throw file_error(full ? error_cause::no_space : error_cause::io, message, number);
}

/// Owns a file descriptor; always opened with O_CLOEXEC by the functions below.
class file_descriptor {
 public:
  file_descriptor() noexcept = default;
  explicit file_descriptor(int number) noexcept : number_(number) {}
  file_descriptor(file_descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  file_descriptor& operator=(file_descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  ~file_descriptor() { reset(); }

  int get() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }
  void reset() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  int release() noexcept { return std::exchange(number_, -1); }
  /// Closes and says what the system answered (network file systems report failed writes here): 0 or an errno.
  int close() noexcept {
    if (number_ < 0 || ::close(std::exchange(number_, -1)) == 0 || errno == EINTR) return 0;
    return errno;
  }

 private:
  int number_ = -1;
};

/// Calls until the answer is not EINTR.
template <class Call>
auto uninterrupted(Call call) noexcept(noexcept(call())) {
  for (;;) {
    const auto answer = call();
    if (answer >= 0 || errno != EINTR) return answer;
  }
}

/// Opens without following a symbolic link in the last component; an empty descriptor and errno when that fails.
inline file_descriptor open_file(const std::string& path, int flags, mode_t mode = 0666) noexcept {
  return file_descriptor(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode); }));
}

/// What `stat` says of a file, as far as the storages ask.
struct file_identity {
  dev_t device = 0;
  ino_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // ns
  std::int64_t accessed = 0;  // ns
  bool regular = false;
  nlink_t links = 0;  // names

  bool same_file(const file_identity& other) const noexcept { return device == other.device && inode == other.inode; }
};

namespace posix {

inline std::int64_t nanoseconds_of(const timespec& moment) noexcept {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(static_cast<std::int64_t>(moment.tv_sec), std::int64_t{1'000'000'000}, &result) ||
      __builtin_add_overflow(result, static_cast<std::int64_t>(moment.tv_nsec), &result))
    return moment.tv_sec < 0 ? INT64_MIN : INT64_MAX;
  return result;
}

inline timespec timespec_of(std::int64_t nanoseconds) noexcept {
  std::int64_t seconds = nanoseconds / 1'000'000'000;
  std::int64_t rest = nanoseconds % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    --seconds;
  }
  timespec moment{};
  moment.tv_sec = static_cast<time_t>(seconds);
  moment.tv_nsec = static_cast<long>(rest);
  return moment;
}

inline file_identity identity_of(const struct stat& answer) noexcept {
  return {answer.st_dev,
          answer.st_ino,
          answer.st_size < 0 ? 0 : static_cast<std::uint64_t>(answer.st_size),
          nanoseconds_of(answer.st_mtim),
          nanoseconds_of(answer.st_atim),
          S_ISREG(answer.st_mode),
          answer.st_nlink};
}

}  // namespace posix

/// The file at `path` (a link itself, not its target), or nothing when there is none. Throws `file_error`.
inline std::optional<file_identity> identify(const std::string& path) {
  struct stat answer {};
  if (::lstat(path.c_str(), &answer) == 0) return posix::identity_of(answer);
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  fail_file("look at", path, errno);
}

/// The file behind an open descriptor. Throws `file_error`.
inline file_identity identify(const file_descriptor& file, const std::string& path) {
  struct stat answer {};
  if (::fstat(file.get(), &answer) != 0) fail_file("look at", path, errno);
  return posix::identity_of(answer);
}

/// Reads up to `size` bytes from `offset`; fewer only where the file ends. Throws `file_error`.
inline std::size_t read_at(const file_descriptor& file, void* to, std::size_t size, std::uint64_t offset, const std::string& path) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = uninterrupted([&] {
      return ::pread(file.get(), static_cast<std::byte*>(to) + done, size - done, static_cast<off_t>(offset + done));
    });
    if (count < 0) fail_file("read", path, errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

/// Writes the two parts one after the other from `offset`, without joining them first. Throws `file_error`.
inline void write_at(const file_descriptor& file, std::span<const std::byte> first, std::span<const std::byte> second,
                     std::uint64_t offset, const std::string& path) {
  while (!first.empty() || !second.empty()) {
    const std::array<iovec, 2> parts{
        iovec{const_cast<std::byte*>(first.data()), first.size()},    // pwritev does not write through it
        iovec{const_cast<std::byte*>(second.data()), second.size()}};
    const ssize_t count = uninterrupted([&] { return ::pwritev(file.get(), parts.data(), 2, static_cast<off_t>(offset)); });
    if (count < 0) fail_file("write", path, errno);
    if (count == 0) fail_file("write", path, ENOSPC);
    const auto written = static_cast<std::size_t>(count);
    const std::size_t of_first = written < first.size() ? written : first.size();
    first = first.subspan(of_first);
    second = second.subspan(written - of_first);
    offset += written;
  }
}

/// Creates one directory; that it is there already is fine, a file or symbolic link in its place is not. Throws `file_error`.
inline void make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0) return;
  if (errno != EEXIST) fail_file("create the directory", path, errno);
  struct stat answer {};
  if (::lstat(path.c_str(), &answer) != 0 || !S_ISDIR(answer.st_mode)) fail_file("create the directory", path, ENOTDIR);
}

/// Removes a file; that it is not there is fine. Throws `file_error`. Whether it was there.
inline bool remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  fail_file("remove", path, errno);
}

}  // namespace larder::storage
