#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>

namespace larder::layers {

/// Memory that begins on a page, not initialised; empty where none was asked for.
class aligned_pages {
 public:
  static constexpr std::size_t alignment = 4096;

  aligned_pages() noexcept = default;
  /// Throws `std::bad_alloc`.
  explicit aligned_pages(std::uint64_t size) {
    if (size > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();  // which rounding up would make a small one
    size_ = static_cast<std::size_t>(size);
    memory_.reset(static_cast<std::byte*>(::operator new (size_, std::align_val_t{alignment})));
  }

  std::byte* data() const noexcept { return memory_.get(); }
  std::span<std::byte> whole() const noexcept { return {memory_.get(), size_}; }
  explicit operator bool() const noexcept { return memory_ != nullptr; }

 private:
  struct release {
    void operator()(std::byte* memory) const noexcept { ::operator delete (memory, std::align_val_t{alignment}); }
  };
  std::unique_ptr<std::byte, release> memory_;
  std::size_t size_ = 0;
};

}  // namespace larder::layers
