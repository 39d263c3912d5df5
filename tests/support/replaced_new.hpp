#pragma once

// Replaces operator new and delete in all their forms, for the whole program: one file of it includes this and defines `before_allocation`. A form
// that were left out would be the library's (the sanitizer's, where there is one), whose memory these deletes may not free.

#include <cstddef>
#include <cstdlib>
#include <new>

namespace larder::tests {

/// Called before each allocation, which is of at least `alignment` (1: of any); counts it, or throws what operator new throws.
void before_allocation(std::size_t alignment);

inline void* allocate(std::size_t size, std::size_t alignment) {
  before_allocation(alignment);
  void* memory = nullptr;
  if (alignment <= alignof(std::max_align_t))
    memory = std::malloc(size == 0 ? 1 : size);
  else if (::posix_memalign(&memory, alignment, size) != 0)
    memory = nullptr;
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

inline void* allocate_or_null(std::size_t size, std::size_t alignment) noexcept {
  try {
    return allocate(size, alignment);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace larder::tests

// Not inlined: g++ would take the free of an inlined delete for a mismatch with the new it inlined elsewhere.
[[gnu::noinline]] void* operator new(std::size_t size) { return larder::tests::allocate(size, 1); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  return larder::tests::allocate(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return larder::tests::allocate_or_null(size, 1); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return larder::tests::allocate_or_null(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }

[[gnu::noinline]] void* operator new[](std::size_t size) { return larder::tests::allocate(size, 1); }
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t alignment) {
  return larder::tests::allocate(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return larder::tests::allocate_or_null(size, 1); }
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return larder::tests::allocate_or_null(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
