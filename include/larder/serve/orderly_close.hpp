#pragma once

// Closing a connection while the client still says something resets it, which could take our last words from the client.

#include <larder/storage/posix_file.hpp>

#include <array>
#include <cerrno>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/types.h>

namespace larder::serve {

/// What a client still had to say.
enum class last_words {
  over,     ///< it said that it is done, or is gone
  not_yet,  ///< nothing at the moment
  more,     ///< there may be more at once
};

/// Reads what the client still says, a bounded part of it, and forgets it.
inline last_words hear_out(int socket) noexcept {
  std::array<char, 4096> unread{};
  for (unsigned i = 0; i < 16; ++i) {
    const ssize_t got = storage::uninterrupted([&] { return ::recv(socket, unread.data(), unread.size(), 0); });
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) return last_words::over;
    if (got < 0) return last_words::not_yet;
  }
  return last_words::more;
}

/// Whether the client's system has all that was said, so that closing takes nothing from it.
inline bool all_is_taken(int socket) noexcept {
  int unsent = 0;
  return ::ioctl(socket, SIOCOUTQ, &unsent) != 0 || unsent == 0;
}

}  // namespace larder::serve
