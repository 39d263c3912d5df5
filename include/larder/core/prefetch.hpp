#pragma once

namespace larder::core {

/// Asks for the line of an address that will be touched soon; does nothing where the compiler has no such thing.
inline void prefetch([[maybe_unused]] const void* address) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#endif
}

}  // namespace larder::core
