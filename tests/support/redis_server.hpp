#pragma once

// A redis-server of a test's own: in memory, on a socket file or a loopback port, killed by its process id at the end, or with
// the test.

#include "temporary_folder.hpp"

#include <larder/remote/redis_connection.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

/// A loopback port that nobody uses at the moment.
inline std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

class redis_server {
 public:
  static constexpr const char* program = "/usr/bin/redis-server";
  static bool installed() { return ::access(program, X_OK) == 0; }

  /// On a socket file.
  explicit redis_server(std::vector<std::string> arguments = {}) : redis_server(std::move(arguments), 0) { start(); }
  redis_server(const redis_server&) = delete;
  redis_server& operator=(const redis_server&) = delete;
  ~redis_server() { kill(); }

  /// On a loopback port.
  class tcp;

  const std::string& folder() const noexcept { return folder_.path().native(); }
  std::string socket_file() const { return folder_ / "socket"; }
  std::uint16_t port() const noexcept { return port_; }
  larder::remote::redis_address address() const {
    if (port_ != 0) return {"127.0.0.1", port_, {}};
    return {{}, larder::remote::redis_address::usual_port, socket_file()};
  }

  /// The answer to a command, asked on a connection of its own.
  larder::remote::redis_reply ask(std::initializer_list<std::string_view> words, larder::remote::redis_login login = {}) const {
    larder::remote::redis_connection connection(address(), login, {});
    const larder::remote::redis_command command(words);
    connection.queue(command);
    connection.flush();
    return connection.reply();
  }

  /// SIGKILL: nothing is said to anybody.
  void kill() noexcept {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  /// SIGSTOP: it listens and says nothing, until `go_on`.
  void suspend() noexcept { ::kill(process_, SIGSTOP); }
  void go_on() noexcept { ::kill(process_, SIGCONT); }

  /// Starts it (again, empty) and returns once it takes connections.
  void start() {
    if (!try_start()) throw std::runtime_error("redis-server does not start");
  }

 protected:
  redis_server(std::vector<std::string> arguments, std::uint16_t port) : arguments_(std::move(arguments)), port_(port) {}

  bool try_start() {
    std::vector<std::string> words{program, "--save", "", "--appendonly", "no", "--dir", folder(), "--loglevel", "notice"};
    if (port_ == 0)
      words.insert(words.end(), {"--port", "0", "--unixsocket", socket_file()});
    else
      words.insert(words.end(), {"--bind", "127.0.0.1", "--port", std::to_string(port_)});
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return false;
    const pid_t parent = ::getpid();
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      ::dup2(pipe[1], STDOUT_FILENO);
      ::dup2(pipe[1], STDERR_FILENO);
      ::execv(program, argv.data());
      ::_exit(127);
    }
    ::close(pipe[1]);
    const bool ready = process_ > 0 && says_ready(pipe[0]);
    ::close(pipe[0]);
    if (!ready) kill();
    return ready;
  }

  std::vector<std::string> arguments_;
  std::uint16_t port_;

 private:
  static bool says_ready(int log) {
    const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    std::string text;
    std::array<char, 4096> piece{};
    while (text.find("eady to accept connections") == std::string::npos &&
           text.find("server is now ready") == std::string::npos) {
      pollfd one{log, POLLIN, 0};
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(by - std::chrono::steady_clock::now()).count();
      if (left <= 0 || ::poll(&one, 1, static_cast<int>(left)) <= 0) return false;
      const ssize_t n = ::read(log, piece.data(), piece.size());
      if (n <= 0) return false;
      text.append(piece.data(), static_cast<std::size_t>(n));
    }
    return true;
  }

  temporary_folder folder_;
  pid_t process_ = -1;
};

class redis_server::tcp : public redis_server {
 public:
  explicit tcp(std::vector<std::string> arguments = {}) : redis_server(std::move(arguments), free_port()) {
    for (int tries = 0; !try_start(); ++tries) {  // somebody may have taken the port meanwhile
      if (tries == 5) throw std::runtime_error("redis-server does not start");
      port_ = free_port();
    }
  }
};

}  // namespace support
