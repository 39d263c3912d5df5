#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/format/chunk_checksums.hpp>
#include <larder/storage/adopt_mode.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder::storage {

/// What is wrong with a file that a program wants to be adopted: the program's to know, not the storage's.
class source_error : public error {
 public:
  using error::error;
};

/// A program's file whose content is to become a value. Symbolic links are followed.
class adopted_file {
 public:
  /// Throws `source_error` when it is no regular file that this process may read.
  adopted_file(std::string path, adopt_mode how)
      : path_(std::move(path)),
        file_(uninterrupted([&] { return ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); })) {  // a FIFO must not block
    if (!file_) refuse(std::generic_category().message(errno) + "; name a file that this process may read");
    before_ = look();
    if (!S_ISREG(before_.st_mode)) refuse("it is no regular file; name one");
    struct stat named {};
    if (how == adopt_mode::move && (::lstat(path_.c_str(), &named) != 0 || !is_this(named)))
      refuse("it is a symbolic link, and only a file can be moved; name the file, or take adopt_mode::automatic");
  }

  const std::string& path() const noexcept { return path_; }
  const file_descriptor& file() const noexcept { return file_; }
  std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(before_.st_size); }

  /// Makes a hard link to it, and says whether that was possible: 0 or an errno. What the link itself changes does not count as a change.
  int link_to(const std::string& target) {
    if (::linkat(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(), AT_SYMLINK_FOLLOW) != 0) return errno;
    struct stat linked {};
    if (::lstat(target.c_str(), &linked) != 0 || !is_this(linked) || linked.st_size != before_.st_size || !same_moment(linked.st_mtim, before_.st_mtim)) {
      ::unlink(target.c_str());
      refuse_change();
    }
    before_ = linked;
    return 0;
  }
  /// Lets `to`, which is empty, share its blocks; 0 or an errno.
  int clone_to(const file_descriptor& to) const noexcept {
    constexpr unsigned long clone_request = _IOW(0x94, 9, int);  // FICLONE; its header clashes with <sys/mount.h>
    return uninterrupted([&] { return ::ioctl(to.get(), clone_request, file_.get()); }) == 0 ? 0 : errno;
  }
  /// Copies it within the kernel, where that can be. Throws `file_error` for what `to` cannot take.
  void copy_to(const file_descriptor& to, const std::string& path) const {
    if (size() != 0 && ::fallocate(to.get(), 0, 0, static_cast<off_t>(size())) != 0 && (errno == ENOSPC || errno == EDQUOT))
      fail_file("make room for", path, errno);
    std::uint64_t done = 0;
    while (done < size()) {
      auto from = static_cast<off64_t>(done);
      off64_t into = from;
      const ssize_t count = uninterrupted([&] { return ::copy_file_range(file_.get(), &from, to.get(), &into, static_cast<std::size_t>(size() - done), 0); });
      if (count == 0) refuse_change();
      if (count > 0) {
        done += static_cast<std::uint64_t>(count);
        continue;
      }
      if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO) fail_file("write", path, errno);
      break;  // not between these two file systems
    }
    each_chunk(file_, done, [&](std::uint64_t offset, std::span<const std::byte> chunk) { write_at(to, chunk, {}, offset, path); });
  }
  /// All of it, on the heap. Throws `source_error` when it is shorter than it was.
  bytes read() const {
    mutable_bytes result(static_cast<std::size_t>(size()));
    if (read_at(file_, result.data(), result.size(), 0, path_) != result.size()) refuse_change();
    return std::move(result).freeze();
  }
  /// f(offset, chunk) for what `from`, the file itself or what became of it, holds from an offset on: once, in chunks that stay in the
  /// processor's cache.
  template <class F>
  void each_chunk(const file_descriptor& from, std::uint64_t offset, F&& f) const {
    mutable_bytes buffer(static_cast<std::size_t>(std::min(size(), format::chunk_checksums::chunk_size)));
    while (offset < size()) {
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size() - offset));
      if (read_at(from, buffer.data(), wanted, offset, path_) != wanted) refuse_change();
      f(offset, std::span<const std::byte>(buffer.data(), wanted));
      offset += wanted;
    }
  }

  /// Throws `source_error` when somebody wrote to it since it was opened.
  void check_unchanged() const {
    const struct stat now = look();
    if (now.st_size != before_.st_size || !same_moment(now.st_mtim, before_.st_mtim) || !same_moment(now.st_ctim, before_.st_ctim)) refuse_change();
  }
  /// Removes the name under which it was adopted, unless that names something else by now. Throws `file_error`.
  void remove() const {
    struct stat named {};
    if (::lstat(path_.c_str(), &named) == 0 && is_this(named)) remove_file(path_);
  }
  [[noreturn]] void refuse(const std::string& why) const {
    throw source_error(error_cause::invalid_argument, "cannot adopt the file \"" + path_ + "\": " + why);
  }

 private:
  [[noreturn]] void refuse_change() const { refuse("it changed while it was read; adopt it when nobody writes to it"); }
  struct stat look() const {
    struct stat answer {};
    if (::fstat(file_.get(), &answer) != 0) refuse(std::generic_category().message(errno));
    return answer;
  }
  bool is_this(const struct stat& other) const noexcept { return other.st_dev == before_.st_dev && other.st_ino == before_.st_ino; }
  static bool same_moment(const timespec& a, const timespec& b) noexcept { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

  std::string path_;
  file_descriptor file_;
  struct stat before_ {};
};

}  // namespace larder::storage
