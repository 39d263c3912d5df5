#pragma once

#include <larder/core/error.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder::layers {

/// A regular file opened for reading, which must stay as it was when opened: a change of its size or time of change is
/// an error at the next read, never a crash (nothing is mapped here). A file that is replaced by a rename goes on being read
/// as it was. Reads may run in several threads at once.
class readable_file {
 public:
  explicit readable_file(std::filesystem::path path) : path_(std::move(path)) {
    do {
      descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    } while (descriptor_ < 0 && errno == EINTR);
    if (descriptor_ < 0) fail_with("cannot be opened", errno);
    struct stat info {};
    if (::fstat(descriptor_, &info) != 0) {
      const int code = errno;
      ::close(descriptor_);
      fail_with("cannot be examined", code);
    }
    if (!S_ISREG(info.st_mode)) {
      ::close(descriptor_);
      core::fail(error_cause::invalid_argument, path_.string() + " is not a regular file");
    }
    size_ = static_cast<std::uint64_t>(info.st_size);
    modified_ = info.st_mtim;
  }
  readable_file(readable_file&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        direct_descriptor_(std::exchange(other.direct_descriptor_, -1)),
        size_(other.size_),
        modified_(other.modified_) {}
  readable_file& operator=(readable_file&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    std::swap(direct_descriptor_, other.direct_descriptor_);
    std::swap(size_, other.size_);
    std::swap(modified_, other.modified_);
    return *this;
  }
  readable_file(const readable_file&) = delete;
  readable_file& operator=(const readable_file&) = delete;
  ~readable_file() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (direct_descriptor_ >= 0) ::close(direct_descriptor_);
  }

  std::string name() const { return path_.string(); }
  /// Another file in the same folder.
  readable_file beside(const std::string& name) const { return readable_file(path_.parent_path() / name); }
  /// The same; nothing when there is none.
  std::optional<readable_file> find_beside(const std::string& name) const {
    std::error_code failed;
    const std::filesystem::file_status seen = std::filesystem::status(path_.parent_path() / name, failed);
    if (seen.type() == std::filesystem::file_type::not_found) return std::nullopt;
    return beside(name);
  }
  std::uint64_t size() const noexcept { return size_; }
  int descriptor() const noexcept { return descriptor_; }

  /// Opens the same file a second time for reads past the page cache; before threads share this object. False where the file
  /// system has none.
  bool open_direct() {
    if (direct_descriptor_ < 0)  // not by its name, which may be another file's by now
      direct_descriptor_ = ::open(("/proc/self/fd/" + std::to_string(descriptor_)).c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
    return direct_descriptor_ >= 0;
  }
  /// For reads whose offset, size and memory are whole multiples of `direct_alignment`; -1 while there is none.
  int direct_descriptor() const noexcept { return direct_descriptor_; }
  static constexpr std::uint64_t direct_alignment = 4096;

  /// Fills `destination` from `offset`; throws `larder::error` (io) when not all of it can be read.
  void read(std::uint64_t offset, std::span<std::byte> destination) const {
    while (!destination.empty()) {
      const ::ssize_t n = ::pread(descriptor_, destination.data(), destination.size(), static_cast<::off_t>(offset));
      if (n < 0) {
        if (errno == EINTR) continue;
        fail_with("cannot be read at offset " + std::to_string(offset), errno);
      }
      if (n == 0)
        core::fail(error_cause::io, path_.string() + " ends at offset " + std::to_string(offset) + " but had " + std::to_string(size_) +
                                        " bytes when it was opened: it was truncated meanwhile; open it again");
      offset += static_cast<std::uint64_t>(n);
      destination = destination.subspan(static_cast<std::size_t>(n));
    }
  }

  /// Throws `larder::error` (io) when the file's size or time of change is no longer what it was when opened.
  void check_unchanged() const {
    struct stat info {};
    if (::fstat(descriptor_, &info) != 0) fail_with("cannot be examined", errno);
    if (static_cast<std::uint64_t>(info.st_size) != size_ || info.st_mtim.tv_sec != modified_.tv_sec ||
        info.st_mtim.tv_nsec != modified_.tv_nsec)
      core::fail(error_cause::io, path_.string() + " was changed in place after it was opened; open it again (and write models to a new "
                                                   "file that is renamed over the old one)");
  }

 private:
  [[noreturn]] void fail_with(const std::string& what, int code) const {
    core::fail(error_cause::io, path_.string() + " " + what + ": " + std::generic_category().message(code));
  }

  std::filesystem::path path_;
  int descriptor_ = -1;
  int direct_descriptor_ = -1;
  std::uint64_t size_ = 0;
  struct ::timespec modified_ {};
};

}  // namespace larder::layers
