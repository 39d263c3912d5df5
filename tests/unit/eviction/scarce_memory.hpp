#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace reference_run {

/// An allocator that has memory only while `left` lasts: so many allocations.
template <class T>
struct scarce_memory {
  using value_type = T;
  static inline std::size_t left = 0;

  scarce_memory() = default;
  template <class Other>
  explicit(false) scarce_memory(const scarce_memory<Other>&) noexcept {}

  T* allocate(std::size_t n) {
    if (scarce_memory<std::byte>::left == 0) throw std::bad_alloc();
    --scarce_memory<std::byte>::left;
    return std::allocator<T>{}.allocate(n);
  }
  void deallocate(T* memory, std::size_t n) noexcept { std::allocator<T>{}.deallocate(memory, n); }
  bool operator==(const scarce_memory&) const = default;
};

}  // namespace reference_run
