#pragma once

// A server that speaks RESP as a test tells it to, badly when that is wanted.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace support {

class redis_script {
 public:
  /// One connection, from the server's side.
  class peer {
   public:
    explicit peer(int fd) noexcept : fd_(fd) {}
    peer(const peer&) = delete;
    peer& operator=(const peer&) = delete;
    ~peer() { ::close(fd_); }

    /// The words of the next command; none when the client has gone.
    std::vector<std::string> command() {
      std::vector<std::string> words(static_cast<std::size_t>(std::atoi(line().c_str() + (line_.empty() ? 0 : 1))));
      for (std::string& word : words) {
        const auto size = static_cast<std::size_t>(std::atoi(line().c_str() + (line_.empty() ? 0 : 1)));
        while (pending_.size() < size + 2 && fill()) {
        }
        if (pending_.size() < size + 2) return {};
        word = pending_.substr(0, size);
        pending_.erase(0, size + 2);
      }
      return words;
    }
    void say(std::string_view text) {
      while (!text.empty()) {
        const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
        if (n <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(n));
      }
    }
    /// The connection ends with a reset rather than in order.
    void reset() const noexcept {
      const linger now{1, 0};
      ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    /// Returns when the client has gone.
    void linger_on() {
      while (fill()) pending_.clear();
    }

   private:
    const std::string& line() {
      std::size_t end = 0;
      while ((end = pending_.find("\r\n")) == std::string::npos)
        if (!fill()) {
          line_.clear();
          return line_;
        }
      line_ = pending_.substr(0, end);
      pending_.erase(0, end + 2);
      return line_;
    }
    bool fill() {
      std::array<char, 65536> piece{};
      const ssize_t n = ::recv(fd_, piece.data(), piece.size(), 0);
      if (n <= 0) return false;
      pending_.append(piece.data(), static_cast<std::size_t>(n));
      return true;
    }

    int fd_;
    std::string pending_;
    std::string line_;
  };

  /// `serve` is called for each connection, in a thread of its own.
  explicit redis_script(std::function<void(peer&)> serve)
      : serve_(std::move(serve)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("cannot listen");
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  redis_script(const redis_script&) = delete;
  redis_script& operator=(const redis_script&) = delete;
  ~redis_script() {
    ::shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    ::close(listener_);
    for (std::thread& each : serving_) each.join();
  }

  std::uint16_t port() const noexcept { return port_; }
  int connections() const noexcept { return connections_.load(); }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const timeval patience{30, 0};  // nobody waits for ever
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
      connections_.fetch_add(1);
      serving_.emplace_back([this, fd] {
        peer client(fd);
        serve_(client);
      });
    }
  }

  std::function<void(peer&)> serve_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::vector<std::thread> serving_;
  std::thread accepting_;
};

}  // namespace support
