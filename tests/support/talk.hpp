#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace support {

/// A client's side of one connection to a port of this machine, over which anything can be said. It waits for no longer than a
/// test may take.
class talk {
 public:
  explicit talk(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  talk(const talk&) = delete;
  talk& operator=(const talk&) = delete;
  ~talk() { ::close(fd_); }

  void say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// Nothing more will be said; the other side still can be heard.
  void end() { ::shutdown(fd_, SHUT_WR); }
  /// All that comes until so many bytes are there, or until the end, in which case `error` says how it came.
  std::string hear(std::size_t most = std::string::npos) {
    std::string all;
    std::array<char, 4096> part{};
    while (all.size() < most) {
      const ssize_t got = ::recv(fd_, part.data(), std::min(part.size(), most - all.size()), 0);
      error = got < 0 ? errno : 0;
      if (got <= 0) break;
      all.append(part.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  /// Whether something, or the end, is there to be read.
  bool hears_something() const {
    pollfd watched{fd_, POLLIN, 0};
    return ::poll(&watched, 1, 0) > 0;
  }

  int error = 0;

 private:
  int fd_;
};

/// Says a text and gives all that comes until the other side closes.
inline std::string talk_to(std::uint16_t port, std::string_view text) {
  talk client(port);
  client.say(text);
  return client.hear();
}

}  // namespace support
