#pragma once

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

namespace larder::sync {

/// The number that tells a child of `fork` from its parent; where there is no `fork`, one does for all. A system call.
inline long this_process() noexcept {
#if __has_include(<unistd.h>)
  return ::getpid();
#else
  return 0;
#endif
}

}  // namespace larder::sync
