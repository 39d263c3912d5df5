#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace larder::storage {

/// An array of default elements whose length is given once. A large one asks for large pages where the system has them:
/// at random access a hit in memory is otherwise two misses, one of them for the page's address (236 against 133 ns).
template <class T>
class large_array {
 public:
  large_array() noexcept = default;
  explicit large_array(std::size_t size) : size_(size) {
    if (size == 0) return;
    const std::size_t bytes = size * sizeof(T);
    void* const memory = ::operator new(bytes, alignment(bytes));
#if __has_include(<sys/mman.h>) && defined(MADV_HUGEPAGE)
    if (bytes >= large_page) ::madvise(memory, bytes / large_page * large_page, MADV_HUGEPAGE);  // a wish: nothing depends on it
#endif
    data_ = static_cast<T*>(memory);
    std::uninitialized_value_construct_n(data_, size);
  }
  large_array(large_array&& other) noexcept { swap(other); }
  large_array& operator=(large_array&& other) noexcept {
    large_array(std::move(other)).swap(*this);
    return *this;
  }
  ~large_array() {
    if (data_ == nullptr) return;
    std::destroy_n(data_, size_);
    ::operator delete(static_cast<void*>(data_), alignment(size_ * sizeof(T)));
  }

  void swap(large_array& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
  }

  std::size_t size() const noexcept { return size_; }
  T* data() const noexcept { return data_; }
  T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  static constexpr std::size_t large_page = std::size_t{2} << 20U;
  static std::align_val_t alignment(std::size_t bytes) noexcept {
    return std::align_val_t(bytes >= large_page ? large_page : std::max<std::size_t>(alignof(T), 64));
  }
  static_assert(std::is_nothrow_default_constructible_v<T>);

  std::size_t size_ = 0;
  T* data_ = nullptr;
};

}  // namespace larder::storage
