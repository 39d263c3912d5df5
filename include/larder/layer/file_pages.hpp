#pragma once

#include <larder/layer/readable_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder::layers {

/// Tells how much of a file the page cache holds, without reading any of it: the file's addresses are mapped for the question, and
/// never touched. The kernel answers only to who might write the file.
class file_pages {
 public:
  explicit file_pages(const readable_file& file) noexcept : size_(static_cast<std::size_t>(file.size())) {
    struct stat info {};
    const bool answered = ::fstat(file.descriptor(), &info) == 0 &&
                          (info.st_uid == ::geteuid() || ::faccessat(AT_FDCWD, by_number(file).data(), W_OK, AT_EACCESS) == 0);
    if (!answered || size_ == 0) return;
    void* at = ::mmap(nullptr, size_, PROT_NONE, MAP_SHARED | MAP_NORESERVE, file.descriptor(), 0);
    if (at != MAP_FAILED) at_ = at;
  }
  file_pages(file_pages&& other) noexcept : at_(std::exchange(other.at_, nullptr)), size_(other.size_) {}
  file_pages& operator=(file_pages&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~file_pages() {
    if (at_ != nullptr) ::munmap(at_, size_);
  }

  /// Of that range, in [0, 1], by a sample of so many of its pages, one at least; nothing where the kernel does not say.
  std::optional<double> cached_share(std::uint64_t offset, std::uint64_t size, std::uint64_t samples) const noexcept {
    if (at_ == nullptr || offset >= size_ || size == 0) return std::nullopt;
    size = std::min<std::uint64_t>(size, size_ - offset);
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    samples = std::clamp<std::uint64_t>(samples, 1, (size + page - 1) / page);
    std::uint64_t cached = 0;
    for (std::uint64_t k = 0; k < samples; ++k) {
      const std::uint64_t at = (offset + size / samples * k) / page * page;
      unsigned char answer = 0;
      if (::mincore(static_cast<std::byte*>(at_) + at, 1, &answer) != 0) return std::nullopt;
      cached += answer & 1U;
    }
    return static_cast<double>(cached) / static_cast<double>(samples);
  }

 private:
  /// Its name may be another file's by now.
  static std::array<char, 32> by_number(const readable_file& file) noexcept {
    std::array<char, 32> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", file.descriptor());
    return path;
  }

  void* at_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace larder::layers
