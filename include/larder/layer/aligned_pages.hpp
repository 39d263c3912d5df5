#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>

#include <sys/mman.h>

namespace larder::layers {

/// What memory is made of. Huge pages are asked for, not insisted on: a disk writes into them in larger pieces (1.6 times as fast here), but
/// new ones may come slowly, so they are for memory that is used again.
enum class page_kind : bool { usual, huge };

/// Memory that begins on a page, not initialised; empty where none was asked for.
class aligned_pages {
 public:
  static constexpr std::size_t alignment = 4096;
  static constexpr std::size_t huge_page = std::size_t{2} << 20U;

  aligned_pages() noexcept = default;
  /// Throws `std::bad_alloc`.
  explicit aligned_pages(std::uint64_t size, page_kind kind = page_kind::usual) {
    if (size > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();  // which rounding up would make a small one
    size_ = static_cast<std::size_t>(size);
    const bool is_huge = kind == page_kind::huge && size_ >= huge_page;
    const std::size_t boundary = is_huge ? huge_page : alignment;
    memory_ = {static_cast<std::byte*>(::operator new (size_, std::align_val_t{boundary})), release(boundary)};
    if (is_huge) ::madvise(memory_.get(), size_ / huge_page * huge_page, MADV_HUGEPAGE);
  }

  std::byte* data() const noexcept { return memory_.get(); }
  std::span<std::byte> whole() const noexcept { return {memory_.get(), size_}; }
  explicit operator bool() const noexcept { return memory_ != nullptr; }

 private:
  struct release {
    release() noexcept : boundary(alignment) {}
    explicit release(std::size_t of) noexcept : boundary(of) {}
    void operator()(std::byte* memory) const noexcept { ::operator delete (memory, std::align_val_t{boundary}); }
    std::size_t boundary;
  };
  std::unique_ptr<std::byte, release> memory_;
  std::size_t size_ = 0;
};

}  // namespace larder::layers
