#include "raw_socket.hpp"

#include "../open_file.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace bench {

raw_socket::raw_socket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  if (fd_ < 0 || ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    fail_system("connect to a loopback port");
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

raw_socket::~raw_socket() { ::close(fd_); }

void raw_socket::send(std::span<const std::byte> data) const {
  while (!data.empty()) {
    const ssize_t sent = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) fail_system("send");
    if (sent > 0) data = data.subspan(static_cast<std::size_t>(sent));
  }
}

std::string raw_socket::receive_until(std::string_view end) {
  std::array<char, 4096> part{};
  for (;;) {
    if (const std::size_t at = kept_.find(end); at != std::string::npos) {
      std::string text = kept_.substr(0, at + end.size());
      kept_.erase(0, at + end.size());
      return text;
    }
    const ssize_t got = ::recv(fd_, part.data(), part.size(), 0);
    if (got == 0 || (got < 0 && errno != EINTR)) throw std::runtime_error("the server ends the connection in a head");
    if (got > 0) kept_.append(part.data(), static_cast<std::size_t>(got));
  }
}

void raw_socket::receive(std::span<std::byte> room) {
  const std::size_t early = std::min(kept_.size(), room.size());
  std::memcpy(room.data(), kept_.data(), early);
  kept_.erase(0, early);
  room = room.subspan(early);
  constexpr std::size_t most = std::size_t{512} << 10U;
  while (!room.empty()) {
    const ssize_t got = ::recv(fd_, room.data(), std::min(most, room.size()), 0);
    if (got == 0 || (got < 0 && errno != EINTR)) throw std::runtime_error("the server ends the connection in a body");
    if (got > 0) room = room.subspan(static_cast<std::size_t>(got));
  }
}

void receive_answer(raw_socket& from, int status, std::span<std::byte> room) {
  const std::string head = from.receive_until("\r\n\r\n");
  constexpr std::string_view name = "\r\nContent-Length: ";
  const std::size_t at = head.find(name);
  const std::size_t length = at == std::string::npos ? 0 : std::strtoull(head.c_str() + at + name.size(), nullptr, 10);
  if (head.substr(9, 3) != std::to_string(status) || length != room.size())
    throw std::runtime_error("another answer than expected: " + head.substr(0, head.find('\r')));
  from.receive(room);
}

}  // namespace bench
