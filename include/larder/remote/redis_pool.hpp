#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/redis_address.hpp>
#include <larder/remote/redis_connection.hpp>
#include <larder/remote/redis_socket.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace larder::remote {

/// The connections to one server, at most so many at once; the most recently used is used first, so that those which are not
/// needed fall idle and the server may close them. Safe from many threads of one process.
class redis_pool {
 public:
  redis_pool(redis_address address, const redis_login& login, std::size_t most)
      : address_(std::move(address)), login_(login), most_(most) {
    idle_.reserve(most);
  }
  redis_pool(const redis_pool&) = delete;
  redis_pool& operator=(const redis_pool&) = delete;

  const redis_address& address() const noexcept { return address_; }

  /// A connection of one's own; when it is dropped it goes back, unless it is of no more use.
  class lease {
   public:
    lease(redis_pool& pool, std::unique_ptr<redis_connection> connection, bool used) noexcept
        : pool_(&pool), connection_(std::move(connection)), used_(used) {}
    lease(lease&&) = delete;
    ~lease() { pool_->give_back(std::move(connection_)); }
    redis_connection& operator*() const noexcept { return *connection_; }
    redis_connection* operator->() const noexcept { return connection_.get(); }
    /// Whether it served others before, so that the server may have closed it in the meantime.
    bool is_used() const noexcept { return used_; }

   private:
    redis_pool* pool_;
    std::unique_ptr<redis_connection> connection_;
    bool used_;
  };

  using time_point = redis_connection::time_point;

  /// A connection that is there, or a new one (`fresh`: in any case). Waits for another thread's when there are as many as may
  /// be, for as long as an answer may take but not beyond `answer_by`: who waited in vain meets a `send_error` that was sent 0
  /// times.
  lease take(bool fresh, const std::stop_token& stop, time_point answer_by = time_point::max()) {
    std::unique_lock guard(mutex_);
    const auto free = [&] { return !idle_.empty() || open_ < most_; };
    const std::chrono::milliseconds patience = login_.timeouts.first_byte;
    const time_point latest = patience.count() > 0 ? redis_socket::clock::now() + patience : time_point::max();
    const time_point by = std::min(latest, answer_by);
    if (by == time_point::max()) {
      returned_.wait(guard, stop, free);
    } else if (!returned_.wait_until(guard, stop, by, free) && !stop.stop_requested()) {
      const std::string span = answer_by < latest ? "as long as the look-up had" : std::to_string(patience.count()) + " ms";
      throw send_error(error_cause::timeout,
                       address_.printable() + ": all " + std::to_string(most_) + " connections were busy for " + span +
                           "; allow more connections",
                       0);
    }
    if (stop.stop_requested()) {
      returned_.notify_one();  // what woke this thread may be there for another one
      core::fail(error_cause::cancelled, "a request to " + address_.printable() + " was given up because a stop was requested");
    }
    while (!idle_.empty()) {
      std::unique_ptr<redis_connection> last = std::move(idle_.back());
      idle_.pop_back();
      if (!fresh && last->is_reusable()) return {*this, std::move(last), true};
      --open_;  // closed as it goes
    }
    ++open_;
    guard.unlock();
    try {
      return {*this, std::make_unique<redis_connection>(address_, login_, stop, answer_by), false};
    } catch (...) {
      give_back(nullptr);
      throw;
    }
  }

 private:
  void give_back(std::unique_ptr<redis_connection> connection) noexcept {
    const bool keep = connection != nullptr && connection->is_reusable();
    {
      const std::lock_guard guard(mutex_);
      if (keep)
        idle_.push_back(std::move(connection));
      else
        --open_;
    }
    returned_.notify_one();
  }

  const redis_address address_;
  const redis_login& login_;
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable_any returned_;
  std::vector<std::unique_ptr<redis_connection>> idle_;
  std::size_t open_ = 0;  // idle or lent
};

}  // namespace larder::remote
