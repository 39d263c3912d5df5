#pragma once

// Serves chunks of weights over HTTP/1.1 from a folder, with a bounded cache in memory that all clients share:
//
//   GET /v1/c/<name>              a chunk; one that is named by its `digest` never changes and is checked before its last byte goes out
//   GET /v1/m/<model>/manifest    <chunks_dir>/manifests/<model>.json
//   GET /healthz /metrics / /status.json
//
// HEAD, one Range, ETag with If-None-Match, If-Match and If-Range. Not encrypted: another machine is best reached through a proxy or a tunnel.

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>  // sizes are said as 200_MB
#include <larder/serve/listening_socket.hpp>
#include <larder/serve/server_counts.hpp>
#include <larder/serve/server_state.hpp>
#include <larder/serve/weight_server_settings.hpp>
#include <larder/serve/weight_server_stats.hpp>
#include <larder/serve/worker.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

namespace larder {

/// A server of weights on threads of its own: `weight_server server{{.chunks_dir = "chunks", .cache_size = 200_MB, .port = 0}}`. One that is
/// not reached from this machine alone needs a token. Every member may be called from any thread. It does not survive a fork.
class weight_server {
 public:
  /// Throws `larder::error` for settings that cannot be meant, and when chunks_dir cannot be opened.
  explicit weight_server(weight_server_settings settings) : state_(std::make_unique<serve::server_state>(checked(settings))) {}
  weight_server(const weight_server&) = delete;
  weight_server& operator=(const weight_server&) = delete;
  ~weight_server() { stop(); }

  /// Listens, and serves from then on. Throws `larder::error` when the port cannot be had, or when another interface than this machine's own
  /// is to be served without a token. A server that was stopped is not started again.
  void start() {
    const std::lock_guard lock(mutex_);
    if (!threads_.empty()) return;
    if (ended_) core::fail(error_cause::invalid_argument, "weight_server: it was stopped; make another one");
    const weight_server_settings& s = state_->settings;
    const serve::bind_address at(s.host, s.port);
    at.refuse_strangers(!s.token.empty(), s.host);
    const std::size_t n = s.workers != 0 ? s.workers : std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8);
    workers_.clear();  // of a start that failed
    for (std::size_t i = 0; i < n; ++i) workers_.push_back(std::make_unique<serve::worker>(*state_));
    listening_ = serve::listening_socket::open(at, s.host, s.port);
    try {
      for (std::size_t i = 0; i < n; ++i)
        threads_.emplace_back([this, i] {
          if (i == 0)
            workers_[i]->run(
                listening_.socket.get(), [this] { return accept(); }, [this] { state_->history.add(state_->stats()); });
          else
            workers_[i]->run(-1, {}, {});
        });
    } catch (...) {
      ended_ = true;
      end_threads();
      throw;
    }
  }
  /// Takes no more requests, lets answers that have begun go on for `drain_on_stop`, and returns when all threads have ended.
  void stop() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    end_threads();
  }

  /// Where it listens, once it was started.
  int port() const {
    const std::lock_guard lock(mutex_);
    return listening_.port;
  }
  /// `http://<host>:<port>`
  std::string url() const { return serve::url_of(state_->settings.host, port()); }
  weight_server_stats stats() const { return state_->stats(); }

 private:
  static const weight_server_settings& checked(const weight_server_settings& settings) {
    settings.check();
    return settings;
  }

  /// On the first worker's thread: hands each who waits to the worker with the fewest. False when the system has no descriptors left.
  bool accept() {
    serve::server_counts& counts = state_->counts;
    const std::size_t most = state_->settings.max_connections;
    constexpr std::size_t told_so = 64;  // of those that are too many; the rest is closed without a word
    for (;;) {
      storage::file_descriptor fresh(::accept4(listening_.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fresh) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ||
               (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM);
      }
      counts.add(serve::server_counts::accepted);
      std::size_t open = 0;
      serve::worker* least = nullptr;
      for (const std::unique_ptr<serve::worker>& w : workers_) {
        open += w->load();
        if (least == nullptr || w->load() < least->load()) least = w.get();
      }
      if (open >= most + told_so) {
        counts.add(serve::server_counts::refused);
        counts.add(serve::server_counts::closed);
        continue;
      }
      least->expect_one();
      least->adopt(std::move(fresh), open >= most);
    }
  }

  void end_threads() {
    const auto by = std::chrono::steady_clock::now() + state_->settings.drain_on_stop;
    for (const std::unique_ptr<serve::worker>& w : workers_) w->stop(by);
    if (listening_.socket) ::shutdown(listening_.socket.get(), SHUT_RDWR);  // late clients go elsewhere at once
    for (std::thread& t : threads_) t.join();
    threads_.clear();
    listening_.socket.reset();
    state_->chunks.stop();
  }

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<serve::worker>> workers_;  // until the fills have ended, which tell them
  std::unique_ptr<serve::server_state> state_;
  serve::listening_socket listening_;
  std::vector<std::thread> threads_;
  bool ended_ = false;
};

}  // namespace larder
