#pragma once

// A lock between machines, kept by a Redis server: `SET key token NX PX time` takes it, a thread of the holder's renews it at a third of that
// time, and only who knows the token renews or releases it (the pattern of the documentation of SET; both compare in a script).
//
// Choose it to spare work, such as loading a value once for all machines; not to protect what must never be done twice. Limits: there is no
// fencing, so a holder that was stopped for longer than the time goes on beside its successor until it looks at `is_lost()`; a server that
// fails over may forget a lock that it gave a moment before; clocks are not compared, but the server's must not jump by more than the time.

#include <larder/core/error.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/remote/redis_client.hpp>
#include <larder/remote/redis_command.hpp>
#include <larder/remote/redis_reply.hpp>
#include <larder/sync/per_process.hpp>
#include <larder/sync/process.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace larder::remote {

/// Renews the locks that a process holds, in a thread that runs while there are any. Safe from many threads; borrows the client.
class redis_lock_keeper {
 public:
  using clock = std::chrono::steady_clock;

  /// A lock that is held, as far as is known here.
  struct held {
    std::string key;
    std::string token;
    std::atomic<clock::rep> valid_until{0};
    std::atomic<bool> lost{false};
  };

  /// `time`: how long a lock lives that nobody renews; at least 30 ms.
  redis_lock_keeper(redis_client& client, std::chrono::milliseconds time)
      : client_(client), time_(time), beating_(setting{&client, time}) {
    if (time < std::chrono::milliseconds(30))
      core::fail(error_cause::invalid_argument,
                 "a lock of " + std::to_string(time.count()) + " ms cannot be renewed in time; give 30 ms or more");
  }

  redis_client& client() const noexcept { return client_; }
  std::chrono::milliseconds time() const noexcept { return time_; }

  /// Takes the key unless somebody has it; nothing then. Throws `larder::error`.
  std::shared_ptr<held> take(std::string_view key) {
    auto mine = std::make_shared<held>();
    mine->key = key;
    mine->token = random_mark();
    const clock::time_point asked = clock::now();
    const redis_command set =
        redis_command{"SET", mine->key, mine->token, "NX", "PX"}.number(static_cast<std::uint64_t>(time_.count()));
    const redis_reply answer = client_.ask(mine->key, set, {.repeatable = false});
    if (answer.is(redis_reply::type::nil)) return nullptr;
    mine->valid_until.store((asked + time_).time_since_epoch().count());
    beating_.get().add(mine);
    return mine;
  }
  /// Renews now; false when it is somebody else's by now, or nobody's.
  bool renew(held& mine) { return renew(client_, time_, mine); }
  /// Lets go of it; false when it was lost.
  bool release(const std::shared_ptr<held>& mine) {
    beating_.get().drop(mine);
    return client_.ask(mine->key, {"EVAL", release_script, "1", mine->key, mine->token}).number == 1;
  }
  /// Ends the lock of whoever holds it; whether there was one.
  bool revoke(std::string_view key) { return client_.ask(key, {"UNLINK", key}).number == 1; }
  /// Whether the server still says so.
  bool confirm(held& mine) {
    if (client_.ask(mine.key, {"GET", mine.key}).text == mine.token) return true;
    mine.lost.store(true);
    return false;
  }

 private:
  struct setting {
    redis_client* client;
    std::chrono::milliseconds time;
  };
  static constexpr std::string_view renew_script =
      "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('PEXPIRE',KEYS[1],ARGV[2]) end return 0";
  static constexpr std::string_view release_script =
      "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end return 0";

  static bool renew(redis_client& client, std::chrono::milliseconds time, held& mine) {
    const clock::time_point asked = clock::now();
    if (client.ask(mine.key, {"EVAL", renew_script, "1", mine.key, mine.token, std::to_string(time.count())}).number == 1) {
      mine.valid_until.store((asked + time).time_since_epoch().count());
      return true;
    }
    mine.lost.store(true);
    return false;
  }

  /// The thread of one process, and what it renews.
  class heartbeat {
   public:
    explicit heartbeat(const setting& of) : of_(of) {}
    ~heartbeat() {
      {
        const std::lock_guard guard(mutex_);
        ending_ = true;
      }
      changed_.notify_all();
      if (thread_.joinable()) thread_.join();
    }

    void add(std::shared_ptr<held> mine) {
      const std::lock_guard guard(mutex_);
      held_.push_back(std::move(mine));
      if (running_) return;
      if (thread_.joinable()) thread_.join();  // it has ended, or does so without the mutex
      thread_ = std::thread([this] { beat(); });
      running_ = true;
    }
    void drop(const std::shared_ptr<held>& mine) noexcept {
      const std::lock_guard guard(mutex_);
      const auto at = std::find(held_.begin(), held_.end(), mine);
      if (at == held_.end()) return;
      *at = std::move(held_.back());
      held_.pop_back();
    }

   private:
    /// Ends when there was nothing to renew for a round.
    void beat() {
      std::unique_lock guard(mutex_);
      for (bool idle = false;;) {
        changed_.wait_for(guard, of_.time / 3, [this] { return ending_; });
        if (ending_ || (idle && held_.empty())) {
          running_ = false;
          return;
        }
        idle = held_.empty();
        std::vector<std::shared_ptr<held>> now = held_;
        guard.unlock();
        for (const auto& each : now) {
          if (each->lost.load()) continue;
          try {
            static_cast<void>(renew(*of_.client, of_.time, *each));
          } catch (const std::exception&) {  // the next beat tries again, until the time is over
          }
        }
        now.clear();
        guard.lock();
      }
    }

    const setting of_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::shared_ptr<held>> held_;
    std::thread thread_;
    bool running_ = false;
    bool ending_ = false;
  };

  redis_client& client_;
  const std::chrono::milliseconds time_;
  sync::per_process<heartbeat, setting> beating_;
};

/// One lock; released when it is destroyed. Used by one thread at a time. In a child of `fork` it is its parent's and means nothing.
class redis_lock {
 public:
  redis_lock(redis_lock_keeper& keeper, std::string key) : keeper_(&keeper), key_(std::move(key)) {}
  redis_lock(redis_lock&&) noexcept = default;
  redis_lock& operator=(redis_lock&& other) noexcept {
    std::swap(keeper_, other.keeper_);
    std::swap(key_, other.key_);
    std::swap(held_, other.held_);
    std::swap(process_, other.process_);
    return *this;
  }
  ~redis_lock() { release(); }

  /// Takes it if nobody has it. True also when it is held already. Throws `larder::error`.
  bool try_acquire() {
    if (holds()) return true;
    held_ = nullptr;
    held_ = keeper_->take(key_);
    process_ = sync::this_process();
    return held_ != nullptr;
  }
  /// Waits until it has it, looking again after 5 to 100 ms; false when a stop is requested or `patience` is over first. Throws `larder::error`.
  bool acquire(const std::stop_token& stop = {}, std::chrono::milliseconds patience = std::chrono::milliseconds::max()) {
    using std::chrono::milliseconds;
    const auto begin = redis_lock_keeper::clock::now();
    std::mutex nobodys;
    std::condition_variable_any stopped;
    for (milliseconds pause{5};; pause = std::min(pause * 2, milliseconds(100))) {
      if (stop.stop_requested()) return false;
      if (try_acquire()) return true;  // not given up in the middle: the server might have given it
      if (patience != milliseconds::max() && redis_lock_keeper::clock::now() - begin >= patience) return false;
      std::unique_lock guard(nobodys);
      stopped.wait_for(guard, stop, pause, [] { return false; });
    }
  }
  /// Renews now, besides the thread that does; false when it was lost. Throws `larder::error`.
  bool renew() { return holds() && keeper_->renew(*held_); }
  /// Asks the server whether it is still held. Throws `larder::error`.
  bool confirm() { return holds() && keeper_->confirm(*held_); }
  /// Lets go of it; false when it was not held, or lost. A failure to tell the server is one: the lock then ends with its time.
  bool release() noexcept {
    const std::shared_ptr<redis_lock_keeper::held> mine = std::exchange(held_, nullptr);
    if (mine == nullptr || process_ != sync::this_process()) return false;
    try {
      return keeper_->release(mine);
    } catch (const std::exception&) {
      return false;
    }
  }

  /// Whether it was taken and, as far as is known here, not lost since.
  bool holds() const noexcept { return held_ != nullptr && !is_lost(); }
  /// Whether it was taken and is lost: revoked, taken by another, or not renewed in time.
  bool is_lost() const noexcept {
    if (held_ == nullptr) return false;
    return process_ != sync::this_process() || held_->lost.load() ||
           redis_lock_keeper::clock::now().time_since_epoch().count() >= held_->valid_until.load();
  }

 private:
  redis_lock_keeper* keeper_;
  std::string key_;
  std::shared_ptr<redis_lock_keeper::held> held_;
  long process_ = 0;
};

}  // namespace larder::remote
