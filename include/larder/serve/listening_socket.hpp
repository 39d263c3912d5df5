#pragma once

#include <larder/core/error.hpp>
#include <larder/storage/posix_file.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace larder::serve {

/// `http://<host>:<port>`
inline std::string url_of(const std::string& host, int port) {
  return "http://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

/// An address of this machine to listen on.
class bind_address {
 public:
  /// `localhost`, or the number of an IPv4 or IPv6 interface. Throws `larder::error` for another text or port, in the name of `who`.
  bind_address(const std::string& host, int port, const std::string& who = "weight_server") {
    if (port < 0 || port > 65535)
      core::fail(error_cause::invalid_argument,
                 who + ": port is " + std::to_string(port) + "; give 1 to 65535, or 0 for one that is free");
    const std::string number = host == "localhost" ? "127.0.0.1" : host;
    sockaddr_in four{};
    sockaddr_in6 six{};
    if (::inet_pton(AF_INET, number.c_str(), &four.sin_addr) == 1) {
      four.sin_family = AF_INET;
      four.sin_port = htons(static_cast<std::uint16_t>(port));
      loopback_ = (ntohl(four.sin_addr.s_addr) >> 24U) == 127;
      size_ = sizeof four;
      std::memcpy(&address_, &four, sizeof four);
    } else if (::inet_pton(AF_INET6, number.c_str(), &six.sin6_addr) == 1) {
      six.sin6_family = AF_INET6;
      six.sin6_port = htons(static_cast<std::uint16_t>(port));
      loopback_ = IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
      size_ = sizeof six;
      std::memcpy(&address_, &six, sizeof six);
    } else {
      core::fail(error_cause::invalid_argument,
                 who + ": host \"" + host +
                     "\" is no address of an interface; give localhost, 0.0.0.0 for all of IPv4, or one such as 10.0.0.7 or ::1");
    }
  }

  /// Whether only programs of this machine reach it.
  bool is_loopback() const noexcept { return loopback_; }
  /// Throws `larder::error` when other machines reach it and nobody has to show a token.
  void refuse_strangers(bool asks_for_token, const std::string& host, const std::string& who = "weight_server") const {
    if (!loopback_ && !asks_for_token)
      core::fail(error_cause::invalid_argument,
                 who + ": host " + host +
                     " is reached by other machines; set a token, or serve 127.0.0.1 behind a proxy that asks who it is");
  }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const noexcept { return size_; }

 private:
  sockaddr_storage address_{};
  socklen_t size_ = 0;
  bool loopback_ = false;
};

/// A socket that listens, without blocking, and the port that it got.
struct listening_socket {
  storage::file_descriptor socket;
  int port = 0;

  /// Throws `larder::error` when the system refuses.
  static listening_socket open(const bind_address& at, const std::string& host, int port, const std::string& who = "weight_server") {
    const auto refuse = [&](const char* doing) {
      core::fail(error_cause::io, who + ": cannot " + doing + " " + host + " port " + std::to_string(port) +
                                      ": " + std::generic_category().message(errno) +
                                      "; give another host or port, or 0 for a free port");
    };
    listening_socket made{
        storage::file_descriptor(::socket(at.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP)), 0};
    const int on = 1;
    if (!made.socket) refuse("make a socket for");
    ::setsockopt(made.socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    constexpr int waiting = 1024;
    if (::bind(made.socket.get(), at.get(), at.size()) != 0 || ::listen(made.socket.get(), waiting) != 0) refuse("listen on");
    sockaddr_storage got{};
    socklen_t size = sizeof got;
    if (::getsockname(made.socket.get(), reinterpret_cast<sockaddr*>(&got), &size) != 0) refuse("learn the port of");
    std::uint16_t number = 0;
    if (got.ss_family == AF_INET) {
      sockaddr_in four{};
      std::memcpy(&four, &got, sizeof four);
      number = four.sin_port;
    } else {
      sockaddr_in6 six{};
      std::memcpy(&six, &got, sizeof six);
      number = six.sin6_port;
    }
    made.port = ntohs(number);
    return made;
  }
};

}  // namespace larder::serve
