#pragma once

#include <larder/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace larder::serve {

/// Memory for one content. A large one lies in a mapping of its own, in huge pages where the system has them: sending from those costs least,
/// and all of it goes back to the system at the end, which a heap does not promise.
class chunk_memory {
 public:
  chunk_memory() noexcept = default;
  /// Throws std::bad_alloc when the system has none.
  explicit chunk_memory(std::size_t size) : size_(size) {
    if (size == 0) return;
    if (size < mapped_from) {
      data_ = static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment}));
      return;
    }
    const std::size_t more = size + huge;  // so that it can begin at the boundary of a huge page
    void* const got = ::mmap(nullptr, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) throw std::bad_alloc();
    auto* const begin = static_cast<std::byte*>(got);
    const std::size_t before = (huge - reinterpret_cast<std::uintptr_t>(begin) % huge) % huge;
    if (before != 0) ::munmap(begin, before);
    data_ = begin + before;
    const std::size_t used = in_pages(size);
    if (before + used < more) ::munmap(data_ + used, more - before - used);
    ::madvise(data_, used, MADV_HUGEPAGE);
  }
  chunk_memory(chunk_memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  chunk_memory& operator=(chunk_memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~chunk_memory() {
    if (data_ == nullptr) return;
    if (size_ < mapped_from)
      ::operator delete (data_, std::align_val_t{alignment});
    else
      ::munmap(data_, in_pages(size_));
  }

  std::span<std::byte> span() const noexcept { return {data_, size_}; }
  /// Whether it lies in a mapping of its own: then its pages hold nothing else of this process, before or after.
  bool is_mapped() const noexcept { return size_ >= mapped_from; }

 private:
  static constexpr std::size_t alignment = 64;
  static constexpr std::size_t huge = std::size_t{2} << 20U;
  static constexpr std::size_t mapped_from = std::size_t{256} << 10U;
  /// In the system's pages, of 64 KiB on some: what is unmapped begins on one.
  static std::size_t in_pages(std::size_t size) noexcept {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return (size + page - 1) / page * page;
  }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace larder::serve
