#pragma once

#include <larder/storage/posix_file.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace larder::storage {

/// A whole file, a range of one, or nothing but zeros, mapped for reading.
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
  /// So many bytes of a file from `offset`, wherever that lies in its page. Empty, with errno, when the system refuses.
  static file_mapping of_range(int descriptor, std::uint64_t offset, std::uint64_t size) noexcept {
    file_mapping range;
    const auto before = static_cast<std::size_t>(offset % static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
    const std::size_t whole = before + static_cast<std::size_t>(size);
    void* const address = ::mmap(nullptr, whole, PROT_READ, MAP_PRIVATE, descriptor, static_cast<::off_t>(offset - before));
    if (address == MAP_FAILED) return range;
    range.address_ = address;
    range.size_ = whole;
    range.before_ = before;
    return range;
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
      : address_(std::exchange(other.address_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        before_(std::exchange(other.before_, 0)) {}
  file_mapping& operator=(file_mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    std::swap(before_, other.before_);
    return *this;
  }
  ~file_mapping() {
    if (address_ != nullptr) ::munmap(address_, size_);
  }
  explicit operator bool() const noexcept { return address_ != nullptr; }
  std::span<const std::byte> span() const noexcept {
    return {static_cast<const std::byte*>(address_) + before_, size_ - before_};
  }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;    // of what is mapped
  std::size_t before_ = 0;  // of it, before what was asked for
};

}  // namespace larder::storage
