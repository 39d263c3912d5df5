#pragma once

namespace larder::core {

/// Asks for the line of an address that will be touched soon; does nothing where the compiler has no such thing.
inline void prefetch([[maybe_unused]] const void* address) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(address);
  __asm__ volatile("");  // g++ takes a function that does nothing but this for one without effect, and leaves out calls of it
#endif
}

}  // namespace larder::core
