#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <type_traits>

namespace larder::eviction {

/// Where ghosts get their memory: zeroed, page by page as it is used; nothing instead of an exception, since orders must not throw.
struct ghost_memory {
  static void* allocate(std::size_t count, std::size_t size) noexcept { return std::calloc(count, size); }
  static void release(void* memory) noexcept { std::free(memory); }
};

template <class Memory>
struct ghost_memory_release {
  void operator()(void* memory) const noexcept { Memory::release(memory); }
};

/// An array of plain values that may be nothing.
template <class T, class Memory>
using ghost_array = std::unique_ptr<T[], ghost_memory_release<Memory>>;

template <class T, class Memory>
ghost_array<T, Memory> make_ghost_array(std::size_t count, std::size_t size_of_each = sizeof(T)) noexcept {
  static_assert(std::is_trivial_v<T>);
  return ghost_array<T, Memory>(static_cast<T*>(Memory::allocate(count, size_of_each)));
}

}  // namespace larder::eviction
