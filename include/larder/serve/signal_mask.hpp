#pragma once

#include <initializer_list>

#include <signal.h>

namespace larder::serve {

/// Signals are for the program's own threads, and from now on not for the calling one: what `sendfile` to a client that is gone raises would
/// end the program. What a fault of the thread itself raises stays its own.
inline void leave_signals_to_others() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) ::sigdelset(&all, fault);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace larder::serve
