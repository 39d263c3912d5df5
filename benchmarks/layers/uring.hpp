#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bench {

/// The kernel's io_uring by its bare system calls: reads of one file, so many at a time.
class uring {
 public:
  /// Throws std::runtime_error where the kernel does not have it or does not allow it.
  explicit uring(unsigned depth);
  uring(const uring&) = delete;
  uring& operator=(const uring&) = delete;
  ~uring();

  /// Whether the kernel has it and lets this process.
  static bool allowed();

  /// Fills `room` from the offset in reads of `unit` bytes, `depth` of them on their way; what the file does not have any more is
  /// left alone. Throws std::runtime_error.
  void read(int descriptor, std::uint64_t offset, std::span<std::byte> room, std::size_t unit);

 private:
  struct mapping {
    void* begin = nullptr;
    std::size_t size = 0;
  };
  template <class T>
  T* at(unsigned offset) const {
    return reinterpret_cast<T*>(static_cast<char*>(rings_.begin) + offset);
  }
  void close() noexcept;

  int descriptor_ = -1;
  unsigned depth_;
  mapping rings_;
  mapping entries_;
  std::uint32_t* submission_tail_ = nullptr;
  std::uint32_t* submission_array_ = nullptr;
  std::uint32_t submission_mask_ = 0;
  std::uint32_t* completion_head_ = nullptr;
  std::uint32_t* completion_tail_ = nullptr;
  std::uint32_t completion_mask_ = 0;
  unsigned completions_at_ = 0;
};

}  // namespace bench
