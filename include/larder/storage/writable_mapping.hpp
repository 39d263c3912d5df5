#pragma once

#include <larder/storage/posix_file.hpp>

#include <cstddef>
#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace larder::storage {

/// A part of a file, mapped to be written by this process: whatever is stored there is in the file, and a full device is no SIGBUS, as
/// the blocks are there before.
class writable_mapping {
 public:
  /// Empty, with errno, when the system refuses: ENOSPC and EDQUOT for want of room, EOPNOTSUPP where blocks cannot be had in advance.
  writable_mapping(const file_descriptor& file, std::uint64_t offset, std::size_t size) noexcept {
    if (uninterrupted([&] { return ::fallocate(file.get(), 0, static_cast<off_t>(offset), static_cast<off_t>(size)); }) != 0) {
      if (errno == ENOSYS) errno = EOPNOTSUPP;
      return;
    }
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const auto before = static_cast<std::size_t>(offset % page);
    void* const address = ::mmap(nullptr, before + size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), static_cast<off_t>(offset - before));
    if (address == MAP_FAILED) return;
    address_ = address;
    whole_ = before + size;
    data_ = static_cast<std::byte*>(address) + before;
  }
  writable_mapping(const writable_mapping&) = delete;
  writable_mapping& operator=(const writable_mapping&) = delete;
  ~writable_mapping() {
    if (address_ != nullptr) ::munmap(address_, whole_);
  }
  explicit operator bool() const noexcept { return address_ != nullptr; }
  std::byte* data() const noexcept { return data_; }
  /// From now on it is only read, where the system sees to that.
  void seal() const noexcept { ::mprotect(address_, whole_, PROT_READ); }

 private:
  void* address_ = nullptr;
  std::size_t whole_ = 0;
  std::byte* data_ = nullptr;
};

}  // namespace larder::storage
