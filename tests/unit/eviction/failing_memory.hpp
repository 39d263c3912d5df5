#pragma once

#include <larder/eviction/ghost_memory.hpp>

#include <cstddef>

namespace eviction_tests {

/// Memory for ghosts when there is none.
struct failing_memory {
  static void* allocate(std::size_t, std::size_t) noexcept { return nullptr; }
  static void release(void*) noexcept {}
};

/// Memory for ghosts as long as each piece is small.
template <std::size_t Most>
struct little_memory {
  static void* allocate(std::size_t count, std::size_t size) noexcept {
    return count * size <= Most ? larder::eviction::ghost_memory::allocate(count, size) : nullptr;
  }
  static void release(void* memory) noexcept { larder::eviction::ghost_memory::release(memory); }
};

}  // namespace eviction_tests
