#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace larder::testing {

/// Accepts connections on 127.0.0.1 and a port of the system's choice, from construction to destruction, and serves each in a
/// thread of its own: what the servers for tests have in common. Whatever it waits for ends at once when it is destroyed. Every
/// member may be called from any thread.
class loopback_server {
 public:
  using socket = boost::asio::ip::tcp::socket;
  using clock = std::chrono::steady_clock;

  /// `serve(socket)` has the connection to itself until it returns; then it is closed. Further connections than `max_connections`
  /// wait to be accepted.
  explicit loopback_server(std::function<void(socket&)> serve, std::size_t max_connections = 64)
      : serve_(std::move(serve)),
        max_connections_(max_connections),
        acceptor_(context_, {boost::asio::ip::address_v4::loopback(), 0}),
        port_(acceptor_.local_endpoint().port()),
        accepting_([this] { accept(); }) {}
  loopback_server(const loopback_server&) = delete;
  loopback_server& operator=(const loopback_server&) = delete;
  ~loopback_server() {
    {
      const std::lock_guard guard(mutex_);
      stopping_ = true;
      for (const std::unique_ptr<connection>& c : connections_) c->shut();
    }
    changed_.notify_all();
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);  // wakes the accept on Linux
    boost::system::error_code ignored;
    socket(context_).connect({boost::asio::ip::address_v4::loopback(), port_}, ignored);  // and elsewhere
    accepting_.join();
    for (const std::unique_ptr<connection>& c : connections_) c->thread.join();
  }

  std::uint16_t port() const noexcept { return port_; }
  /// How many were accepted since the start.
  std::uint64_t connections() const {
    const std::lock_guard guard(mutex_);
    return accepted_;
  }

  /// For `serve`: true when the time has come; false as soon as the client has closed its side, or the server is destroyed.
  static bool wait_until(socket& client, clock::time_point when) {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - clock::now()).count();
      if (left <= 0) return true;
      if (gone(client, static_cast<int>(std::min<std::int64_t>(left, 60'000)))) return false;
    }
  }
  /// For `serve`: waits until `release()`, or until the client has closed its side. There is nothing to be done with the
  /// connection afterwards.
  void stall(socket& client) {
    {
      const std::lock_guard guard(mutex_);
      if (stopping_) return;
      of(client).stalled = true;
    }
    while (!gone(client, -1)) {
    }
  }
  /// Ends the stalls of now; their connections are closed.
  void release() {
    const std::lock_guard guard(mutex_);
    for (const std::unique_ptr<connection>& c : connections_)
      if (c->stalled) c->shut();
  }
  /// Closes what connections are open now, whatever their `serve` does.
  void drop_connections() {
    const std::lock_guard guard(mutex_);
    for (const std::unique_ptr<connection>& c : connections_) c->shut();
  }
  /// For `serve`: closes so that the client sees a reset; what is still on the way to it may be lost.
  void reset(socket& client) {
    const std::lock_guard guard(mutex_);  // nobody else takes hold of the number while it may become another's
    boost::system::error_code ignored;
    client.set_option(boost::asio::socket_base::linger(true, 0), ignored);
    client.close(ignored);
  }

 private:
  struct connection {
    explicit connection(socket s) : client(std::move(s)) {}
    void shut() noexcept {
      if (client.is_open()) ::shutdown(client.native_handle(), SHUT_RDWR);
    }
    socket client;
    std::thread thread;
    bool stalled = false;  // these under mutex_
    bool done = false;
  };

  static bool gone(socket& client, int milliseconds) {
    pollfd watched{client.native_handle(), POLLRDHUP, 0};
    return ::poll(&watched, 1, milliseconds) > 0;
  }
  connection& of(const socket& client) {
    return **std::find_if(connections_.begin(), connections_.end(),
                          [&](const std::unique_ptr<connection>& c) { return &c->client == &client; });
  }

  void accept() {
    for (;;) {
      socket fresh(context_);
      boost::system::error_code failed;
      acceptor_.accept(fresh, failed);
      std::unique_lock guard(mutex_);
      if (stopping_) return;
      if (failed) continue;
      const auto sweep = [this] {
        connections_.remove_if([](const std::unique_ptr<connection>& c) {
          if (c->done) c->thread.join();
          return c->done;
        });
        return connections_.size() < max_connections_;
      };
      changed_.wait(guard, [&] { return stopping_ || sweep(); });
      if (stopping_) return;
      fresh.set_option(boost::asio::ip::tcp::no_delay(true), failed);
      ++accepted_;
      connection& taken = *connections_.emplace_back(std::make_unique<connection>(std::move(fresh)));
      taken.thread = std::thread([this, &taken] {
        serve_(taken.client);
        const std::lock_guard done(mutex_);
        taken.shut();
        taken.done = true;
        changed_.notify_all();
      });
    }
  }

  std::function<void(socket&)> serve_;
  std::size_t max_connections_;
  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::unique_ptr<connection>> connections_;
  std::uint64_t accepted_ = 0;
  bool stopping_ = false;
  std::thread accepting_;  // last: everything above is ready
};

}  // namespace larder::testing
