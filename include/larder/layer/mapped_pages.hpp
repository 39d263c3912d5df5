#pragma once

// Pages that lie at several places of a process at once: what is shared is the page, so each place may have other neighbours.

#include <cstddef>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace larder::layers {

/// Whole pages of memory, zeros at first, that go with the object; empty where the kernel gave none.
class mapped_pages {
 public:
  mapped_pages() noexcept = default;
  mapped_pages(mapped_pages&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  mapped_pages& operator=(mapped_pages&& other) noexcept {
    mapped_pages taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    return *this;
  }
  ~mapped_pages() {
    if (data_ != nullptr) ::munmap(data_, size_);
  }

  /// How large a page is, which is where all sizes and places here are multiples of.
  static std::size_t page() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

  /// Pages of this place alone; a child after `fork` has a copy.
  static mapped_pages of_one_place(std::size_t size) noexcept { return mapped_pages(MAP_PRIVATE, size); }
  /// Pages that may be mapped again. A child after `fork` has the very same ones.
  static mapped_pages of_many_places(std::size_t size) noexcept { return mapped_pages(MAP_SHARED | MAP_NORESERVE, size); }

  explicit operator bool() const noexcept { return data_ != nullptr; }
  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

  /// The same pages at one more place, where they are `of_many_places` and the kernel can; as writable as here.
  mapped_pages again() const noexcept {
    mapped_pages second;
#ifdef MREMAP_FIXED
    if (data_ == nullptr) return second;
    void* const at = ::mremap(data_, 0, size_, MREMAP_MAYMOVE);
    if (at == MAP_FAILED) return second;
    second.data_ = static_cast<std::byte*>(at);
    second.size_ = size_;
#endif
    return second;
  }
  /// Moves these pages over pages of the caller's, which are his to unmap as before. False: what is at `place` must not be touched
  /// any more, not even unmapped. The kernel may have removed it before it gave up, and somebody else may be there.
  [[nodiscard]] bool move_over(std::byte* place) && noexcept {
#ifdef MREMAP_FIXED
    if (::mremap(data_, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, place) == MAP_FAILED) return false;
    data_ = nullptr;
    return true;
#else
    static_cast<void>(place);
    return false;
#endif
  }
  [[nodiscard]] static bool make_read_only(std::byte* data, std::size_t size) noexcept {
    return ::mprotect(data, size, PROT_READ) == 0;
  }
  /// Leaves them where they are for good.
  void abandon() noexcept { data_ = nullptr; }

  /// Whether a process can have so many more mappings at this moment. Near its limit a move may fail, which is not to be undone.
  static bool has_room_for(std::size_t mappings) {
    const mapped_pages pages = of_many_places(page());
    std::vector<mapped_pages> all;
    all.reserve(mappings);
    while (all.size() < mappings) {
      all.push_back(pages.again());  // the kernel joins no two of them
      if (!all.back()) return false;
    }
    return true;
  }
  /// Whether pages can be mapped again here; a sandbox or an older kernel's stand-in may refuse it.
  static bool can_be_mapped_again() noexcept {
    const mapped_pages first = of_many_places(page());
    if (!first) return false;
    mapped_pages place = of_one_place(page());
    mapped_pages second = first.again();
    if (!place || !second) return false;
    if (!std::move(second).move_over(place.data())) {
      place.abandon();
      return false;
    }
    *first.data() = std::byte{1};
    return *place.data() == std::byte{1};
  }

 private:
  mapped_pages(int kind, std::size_t size) noexcept {
    void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    data_ = static_cast<std::byte*>(at);
    size_ = size;
  }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace larder::layers
