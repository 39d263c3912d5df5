#pragma once

#include <larder/storage/posix_file.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <sys/mman.h>

namespace larder::storage {

/// A whole file, or nothing but zeros, mapped for reading.
class file_mapping {
 public:
  file_mapping() noexcept = default;
  /// Empty, with errno, when the system refuses.
  file_mapping(const file_descriptor& file, std::uint64_t size) noexcept {
    void* const address = ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_SHARED, file.get(), 0);
    if (address == MAP_FAILED) return;
    address_ = address;
    size_ = static_cast<std::size_t>(size);
  }
  /// Zeros to read: all of them the one page that the system keeps of them. Empty when it refuses.
  static file_mapping of_zeros(std::size_t size) noexcept {
    file_mapping zeros;
    void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) return zeros;
    zeros.address_ = address;
    zeros.size_ = size;
    return zeros;
  }
  file_mapping(file_mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  file_mapping& operator=(file_mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~file_mapping() {
    if (address_ != nullptr) ::munmap(address_, size_);
  }
  explicit operator bool() const noexcept { return address_ != nullptr; }
  std::span<const std::byte> span() const noexcept { return {static_cast<const std::byte*>(address_), size_}; }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace larder::storage
