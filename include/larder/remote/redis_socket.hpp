#pragma once

// A connected stream socket whose every wait has a limit and can be stopped. hiredis has sockets of its own, but those raise
// SIGPIPE, know one time limit for all, and cannot be woken.

#include <larder/core/error.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/redis_address.hpp>
#include <larder/remote/transfer_watch.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace larder::remote {

/// A file descriptor that becomes readable when a stop is requested; none where it never can be.
class stop_signal {
 public:
  explicit stop_signal(const std::stop_token& stop) : stop_(stop) {
    if (!stop.stop_possible()) return;
    number_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (number_ < 0) core::fail(error_cause::io, "an event to stop by cannot be made: " + std::generic_category().message(errno));
    waking_.emplace(stop, wake{number_});
  }
  stop_signal(const stop_signal&) = delete;
  stop_signal& operator=(const stop_signal&) = delete;
  ~stop_signal() {
    waking_.reset();  // waits for a wake that runs
    if (number_ >= 0) ::close(number_);
  }

  bool requested() const noexcept { return stop_.stop_requested(); }
  int number() const noexcept { return number_; }  ///< poll ignores the -1 of none

 private:
  struct wake {
    void operator()() const noexcept { static_cast<void>(::eventfd_write(number, 1)); }
    int number;
  };

  std::stop_token stop_;
  int number_ = -1;
  std::optional<std::stop_callback<wake>> waking_;
};

/// A connection to a server. Used by one thread at a time; after a failure it is of no more use. Failures are `larder::error`:
/// `network`, `timeout`, `cancelled`. Looking up a host's name has only the limits of the system's resolver.
class redis_socket {
 public:
  using clock = std::chrono::steady_clock;

  /// Connects within `limits.connect`, and before `answer_by`.
  redis_socket(const redis_address& to, const remote_timeouts& limits, const std::stop_token& stop,
               clock::time_point answer_by = clock::time_point::max())
      : name_(to.printable()), limits_(limits) {
    const stop_signal signal(stop);
    const clock::time_point latest = limits.connect.count() > 0 ? clock::now() + limits.connect : clock::time_point::max();
    const connect_limit by{std::min(latest, answer_by),
                           answer_by < latest ? "the time that the look-up had" : std::to_string(limits.connect.count()) + " ms"};
    if (to.socket_path.empty())
      connect_host(to, by, signal);
    else
      connect_file(to.socket_path, by, signal);
  }
  redis_socket(const redis_socket&) = delete;
  redis_socket& operator=(const redis_socket&) = delete;

  const std::string& name() const noexcept { return name_; }

  /// Whether something came, or the server closed it, while nothing was asked for.
  bool is_stale() const noexcept {
    pollfd one{socket_.number(), POLLIN | POLLRDHUP, 0};
    return ::poll(&one, 1, 0) != 0;
  }

  /// An exchange begins: its time is counted from here on, its first answer must begin before `answer_by`, and `stop` ends its
  /// waits.
  void begin(const std::stop_token& stop, clock::time_point answer_by = clock::time_point::max()) {
    signal_.emplace(stop);
    watch_.emplace(limits_, clock::now(), answer_by);
    at_ = {};
  }
  /// More was asked for: the time until an answer begins is counted anew.
  void expect_answer() noexcept { at_.answered = false; }

  /// Sends all of the pieces.
  void send(std::span<const std::string_view> pieces) {
    at_.sending = true;
    std::vector<iovec> left;
    left.reserve(pieces.size());
    for (const std::string_view piece : pieces)
      if (!piece.empty()) left.push_back({const_cast<char*>(piece.data()), piece.size()});  // sendmsg only reads
    constexpr std::size_t at_once = 64;
    for (std::size_t first = 0; first < left.size();) {
      msghdr message{};
      message.msg_iov = &left[first];
      message.msg_iovlen = std::min(left.size() - first, at_once);
      const ssize_t n = ::sendmsg(socket_.number(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0) {
        wait_or_fail(POLLOUT, "sending to");
        continue;
      }
      at_.moved += static_cast<std::uint64_t>(n);
      for (std::size_t gone = static_cast<std::size_t>(n); gone != 0;) {
        iovec& piece = left[first];
        const std::size_t part = std::min(gone, piece.iov_len);
        piece.iov_base = static_cast<char*>(piece.iov_base) + part;
        piece.iov_len -= part;
        gone -= part;
        if (piece.iov_len == 0) ++first;
      }
    }
    at_.sending = false;
  }

  /// What comes next, first into `into` and what is more into `beyond`: how many bytes, at least one.
  std::size_t receive(std::span<std::byte> into, std::span<std::byte> beyond) {
    std::array<iovec, 2> rooms{{{into.data(), into.size()}, {beyond.data(), beyond.size()}}};
    for (;;) {
      msghdr message{};
      message.msg_iov = rooms.data();
      message.msg_iovlen = rooms.size();
      const ssize_t n = ::recvmsg(socket_.number(), &message, MSG_DONTWAIT);
      if (n > 0) {
        at_.moved += static_cast<std::uint64_t>(n);
        at_.answered = true;
        watch_->answer_began();
        return static_cast<std::size_t>(n);
      }
      if (n == 0) core::fail(error_cause::network, name_ + " closed the connection before its answer was whole");
      wait_or_fail(POLLIN, "receiving from");
    }
  }

 private:
  class descriptor {
   public:
    explicit descriptor(int number = -1) noexcept : number_(number) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(descriptor&& other) noexcept {
      std::swap(number_, other.number_);
      return *this;
    }
    ~descriptor() {
      if (number_ >= 0) ::close(number_);
    }
    int number() const noexcept { return number_; }

   private:
    int number_;
  };

  struct connect_limit {
    clock::time_point moment;
    std::string span;  // how long that is
  };

  void connect_file(const std::string& path, const connect_limit& by, const stop_signal& signal) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
      core::fail(error_cause::invalid_argument,
                 name_ + ": the path of a socket has at most " + std::to_string(sizeof address.sun_path - 1) + " bytes");
    std::memcpy(address.sun_path, path.data(), path.size());
    const std::string failure = try_connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, by, signal);
    if (!failure.empty()) core::fail(error_cause::network, name_ + " cannot be reached: " + failure);
  }

  void connect_host(const redis_address& to, const connect_limit& by, const stop_signal& signal) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found);
    if (code != 0)
      core::fail(error_cause::network, name_ + " cannot be reached: the name is not known (" + ::gai_strerror(code) + ")");
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, &::freeaddrinfo);
    std::string failure;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
      // One that swallows everything must leave time for the rest.
      const clock::time_point now = clock::now();
      connect_limit its = by;
      if (by.moment != clock::time_point::max() && each->ai_next != nullptr) its.moment = now + (by.moment - now) / 2;
      failure = try_connect(each->ai_family, each->ai_addr, each->ai_addrlen, its, signal);
      if (failure.empty()) return prepare_tcp();
    }
    core::fail(clock::now() >= by.moment ? error_cause::timeout : error_cause::network, name_ + " cannot be reached: " + failure);
  }

  void prepare_tcp() const noexcept {  // both are improvements only
    const int on = 1;
    static_cast<void>(::setsockopt(socket_.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    static_cast<void>(::setsockopt(socket_.number(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on));
  }

  /// Empty, or why not.
  std::string try_connect(int family, const sockaddr* address, socklen_t size, const connect_limit& by,
                          const stop_signal& signal) {
    socket_ = descriptor(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket_.number() < 0) return std::generic_category().message(errno);
    if (::connect(socket_.number(), address, size) == 0) return {};
    if (errno == EAGAIN) return "too many wait to be accepted there";  // only Unix sockets say so
    if (errno != EINPROGRESS && errno != EINTR) return std::generic_category().message(errno);
    for (;;) {
      if (signal.requested()) fail_stopped();
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          std::min<clock::duration>(by.moment - clock::now(), std::chrono::seconds(1)));
      if (left.count() <= 0) return "no connection stood within " + by.span;
      std::array<pollfd, 2> watched{{{socket_.number(), POLLOUT, 0}, {signal.number(), POLLIN, 0}}};
      if (::poll(watched.data(), watched.size(), static_cast<int>(left.count())) <= 0 || watched[0].revents == 0) continue;
      int failed = 0;
      socklen_t length = sizeof failed;
      if (::getsockopt(socket_.number(), SOL_SOCKET, SO_ERROR, &failed, &length) != 0) failed = errno;
      return failed == 0 ? std::string{} : std::generic_category().message(failed);
    }
  }

  /// After a call that could not go on: waits when it would have waited, else throws.
  void wait_or_fail(short events, std::string_view doing) {
    if (errno == EINTR) return;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
      core::fail(error_cause::network, std::string(doing) + " " + name_ + " failed: " + std::generic_category().message(errno));
    for (;;) {
      if (signal_->requested()) fail_stopped();
      const std::optional<int> patience = watch_->look(at_, clock::now());
      if (!patience) core::fail(error_cause::timeout, std::string(doing) + " " + name_ + " was given up: " + watch_->reason());
      std::array<pollfd, 2> watched{{{socket_.number(), events, 0}, {signal_->number(), POLLIN, 0}}};
      if (::poll(watched.data(), watched.size(), *patience) > 0 && watched[0].revents != 0) return;
    }
  }
  [[noreturn]] void fail_stopped() const {
    core::fail(error_cause::cancelled, "a request to " + name_ + " was given up because a stop was requested");
  }

  const std::string name_;
  const remote_timeouts limits_;
  descriptor socket_;
  std::optional<stop_signal> signal_;
  std::optional<transfer_watch> watch_;
  transfer_progress at_;
};

}  // namespace larder::remote
