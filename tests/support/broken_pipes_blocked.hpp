#pragma once

#include <signal.h>
#include <time.h>

namespace support {

/// While it lives, this thread is not told of sockets and pipes that nobody reads any more, as the server's threads are not.
class broken_pipes_blocked {
 public:
  broken_pipes_blocked() noexcept {
    ::sigemptyset(&broken_);
    ::sigaddset(&broken_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &broken_, &before_);
  }
  broken_pipes_blocked(const broken_pipes_blocked&) = delete;
  broken_pipes_blocked& operator=(const broken_pipes_blocked&) = delete;
  ~broken_pipes_blocked() {
    const timespec at_once{};
    while (::sigtimedwait(&broken_, nullptr, &at_once) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t broken_{};
  sigset_t before_{};
};

}  // namespace support
