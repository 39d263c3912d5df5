#pragma once

#include "open_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cstddef>
#include <filesystem>
#include <span>

namespace bench {

/// A whole file, mapped for reading.
class mapped_file {
 public:
  explicit mapped_file(const std::filesystem::path& path) {
    const open_file file(path, O_RDONLY);
    size_ = static_cast<std::size_t>(file.size());
    void* const mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.descriptor(), 0);
    if (mapped == MAP_FAILED) fail_system("map \"" + path.string() + "\"");
    begin_ = static_cast<std::byte*>(mapped);
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;
  ~mapped_file() { ::munmap(begin_, size_); }

  std::span<const std::byte> bytes() const { return {begin_, size_}; }
  /// Asks the kernel to read these bytes ahead.
  void will_need(std::size_t offset, std::size_t size) const {
    const std::size_t from = offset / 4096 * 4096;
    ::madvise(begin_ + from, size + (offset - from), MADV_WILLNEED);
  }

 private:
  std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace bench
