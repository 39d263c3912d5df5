#pragma once

#include <larder/core/error.hpp>
#include <larder/serve/chunk_fill.hpp>
#include <larder/serve/connection.hpp>
#include <larder/serve/http_date.hpp>
#include <larder/serve/server_counts.hpp>
#include <larder/serve/server_state.hpp>
#include <larder/serve/signal_mask.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace larder::serve {

/// One thread's share of the connections, which wait in an epoll of its own. `run` is for that thread; the rest for any.
class worker final : public fill_listener {
 public:
  using clock = std::chrono::steady_clock;

  /// Throws `larder::error` when the system has no descriptors left.
  explicit worker(server_state& server)
      : server_(server), poll_(::epoll_create1(EPOLL_CLOEXEC)), bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!poll_ || !bell_ || !watch(bell_.get(), EPOLLIN, bell_token))
      core::fail(error_cause::io, "weight_server: a worker cannot be made: " + std::generic_category().message(errno) +
                                      "; raise the limit of open files");
  }
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  ~worker() = default;

  /// Takes over a connection; one that is `over` the limit is told so.
  void adopt(storage::file_descriptor socket, bool over) {
    post([&] { arrived_.push_back({std::move(socket), over}); });
  }
  void more_has_come(std::uint64_t token) noexcept override {
    post([&] { told_.push_back(token); });
  }
  /// No new requests; what is being answered may go on until then.
  void stop(clock::time_point at_the_latest) {
    post([&] {
      stopping_ = true;
      stop_by_ = at_the_latest;
    });
  }
  /// How many connections it has, those on their way to it included.
  std::size_t load() const noexcept { return load_.load(std::memory_order_relaxed); }
  void expect_one() noexcept { load_.fetch_add(1, std::memory_order_relaxed); }

  /// Serves until it is stopped. `accept` is called when the listening socket has somebody, if this worker has one, `each_second` so often.
  void run(int listening, const std::function<bool()>& accept, const std::function<void()>& each_second) {
    leave_signals_to_others();
    if (listening >= 0) watch(listening, EPOLLIN, accept_token);
    bool accepts = listening >= 0;
    auto next_sweep = clock::now() + period();
    auto next_second = clock::now() + std::chrono::seconds(1);
    std::array<epoll_event, 256> events{};
    for (;;) {
      const auto before = clock::now();
      auto until = each_second ? std::min(next_second, next_sweep) : next_sweep;
      if (is_ending_) until = std::min(until, end_by_);
      const bool is_idle = open_ == 0 && !each_second && !is_ending_;
      int patience = is_idle ? -1 : static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(until - before).count());
      if (!turn_.empty() || until <= before) patience = 0;
      const int n = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), patience);
      const auto now = clock::now();
      std::vector<std::uint64_t> turn;
      turn.swap(turn_);
      for (const std::uint64_t token : turn) advance(token, now);
      for (int i = 0; i < n; ++i) {
        const epoll_event& e = events[static_cast<std::size_t>(i)];
        if (e.data.u64 == bell_token) {
          hear(now);
        } else if (e.data.u64 == accept_token) {
          if (!is_ending_ && !accept()) {  // out of descriptors: somebody has to go first
            ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, listening, nullptr);
            accepts = false;
          }
        } else if (connection* const c = find(e.data.u64)) {
          const bool failed = (e.events & (EPOLLERR | EPOLLHUP)) != 0;
          c->note((e.events & EPOLLIN) != 0 || failed, (e.events & EPOLLOUT) != 0 || failed, (e.events & EPOLLRDHUP) != 0);
          advance(e.data.u64, now);
        }
      }
      if (each_second && now >= next_second) {
        each_second();
        next_second = std::max(next_second + std::chrono::seconds(1), now);
      }
      if (now >= next_sweep) {
        sweep(now);
        next_sweep = now + period();
        if (listening >= 0 && !accepts && !is_ending_) accepts = watch(listening, EPOLLIN, accept_token);
      }
      if (is_ending_ && accepts) {
        ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, listening, nullptr);
        accepts = false;
      }
      if (is_ending_ && (open_ == 0 || now >= end_by_)) break;
    }
    slots_.clear();
  }

 private:
  static constexpr std::uint64_t bell_token = ~std::uint64_t{0};
  static constexpr std::uint64_t accept_token = bell_token - 1;
  struct arrival {
    storage::file_descriptor socket;
    bool over;
  };
  struct slot {
    std::unique_ptr<connection> client;
    std::uint32_t generation = 0;
  };

  bool watch(int fd, std::uint32_t what, std::uint64_t token) const noexcept {
    epoll_event e{};
    e.events = what;
    e.data.u64 = token;
    return ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &e) == 0;
  }

  /// Leaves a message, and wakes the thread for the first one.
  template <class Leave>
  void post(Leave&& leave) {
    bool is_first = false;
    {
      const std::lock_guard lock(mutex_);
      is_first = !rung_;
      rung_ = true;
      leave();
    }
    const std::uint64_t one = 1;
    if (is_first) storage::uninterrupted([&] { return ::write(bell_.get(), &one, sizeof one); });
  }
  void hear(clock::time_point now) {
    std::vector<arrival> arrived;
    std::vector<std::uint64_t> told;
    bool stops = false;
    {
      std::uint64_t rings = 0;
      storage::uninterrupted([&] { return ::read(bell_.get(), &rings, sizeof rings); });
      const std::lock_guard lock(mutex_);
      rung_ = false;
      arrived.swap(arrived_);
      told.swap(told_);
      stops = std::exchange(stopping_, false);
      if (stops) end_by_ = stop_by_;
    }
    for (arrival& a : arrived) take(std::move(a), now);
    for (const std::uint64_t token : told) advance(token, now);
    if (!stops) return;
    is_ending_ = true;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (!slots_[i].client) continue;
      const std::uint64_t token = slots_[i].client->token();
      const connection::outcome what = slots_[i].client->stop(now);
      if (what == connection::outcome::closed) close(i);
      if (what == connection::outcome::again) turn_.push_back(token);
    }
  }

  void take(arrival&& a, clock::time_point now) {
    const int on = 1;
    ::setsockopt(a.socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::size_t place = slots_.size();
    if (free_.empty()) {
      slots_.emplace_back();
    } else {
      place = free_.back();
      free_.pop_back();
    }
    slot& s = slots_[place];
    const std::uint64_t token = std::uint64_t{s.generation} << 32U | place;
    s.client = std::make_unique<connection>(std::move(a.socket), server_, date_, *this, token, now);
    ++open_;
    if (is_ending_ || !watch(s.client->socket(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, token)) return close(place);
    if (a.over) s.client->turn_away();
    advance(token, now);
  }

  connection* find(std::uint64_t token) noexcept {
    const std::size_t place = token & 0xffffffffU;
    return place < slots_.size() && slots_[place].generation == token >> 32U ? slots_[place].client.get() : nullptr;
  }
  void close(std::size_t place) noexcept {
    slots_[place].client.reset();
    ++slots_[place].generation;
    free_.push_back(place);  // never more than there are slots
    --open_;
    load_.fetch_sub(1, std::memory_order_relaxed);
  }
  void advance(std::uint64_t token, clock::time_point now) {
    connection* const c = find(token);
    if (c == nullptr) return;
    connection::outcome what = connection::outcome::closed;
    try {
      what = c->advance(now);
    } catch (...) {  // no memory, say: the others go on
    }
    if (what == connection::outcome::closed) close(token & 0xffffffffU);
    if (what == connection::outcome::again) turn_.push_back(token);
  }
  void sweep(clock::time_point now) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (!slots_[i].client) continue;
      const std::uint64_t token = slots_[i].client->token();
      const connection::outcome what = slots_[i].client->check_time(now);
      if (what == connection::outcome::closed) close(i);
      if (what == connection::outcome::again) advance(token, now);
    }
  }
  /// Limits of time are kept to a quarter, or to a second.
  std::chrono::milliseconds period() const noexcept {
    const weight_server_settings& s = server_.settings;
    const std::chrono::milliseconds shortest = std::min({s.header_timeout, s.idle_timeout, s.drain_window});
    return std::clamp(shortest / 4, std::chrono::milliseconds(1), std::chrono::milliseconds(1000));
  }

  server_state& server_;
  storage::file_descriptor poll_;
  storage::file_descriptor bell_;
  http_date date_;
  std::vector<slot> slots_;
  std::vector<std::size_t> free_;
  std::vector<std::uint64_t> turn_;  // of connections that have more to send
  std::size_t open_ = 0;
  bool is_ending_ = false;
  clock::time_point end_by_{};
  std::atomic<std::size_t> load_{0};

  std::mutex mutex_;  // for the messages
  bool rung_ = false;
  std::vector<arrival> arrived_;
  std::vector<std::uint64_t> told_;
  bool stopping_ = false;
  clock::time_point stop_by_{};
};

}  // namespace larder::serve
