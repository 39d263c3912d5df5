#pragma once

// One load per key among the machines that share a Redis server: who loads a key holds its lock (`remote/redis_lock.hpp`), the others look for
// the value now and then. The lock is renewed while its holder lives, so a load may take any time; of a dead holder it ends by itself. Anything
// that goes wrong here means to load without a lease: twice, perhaps, never not at all.
//
// Who holds a lease waits for no other machine, nor lets anybody wait for one whom he waits for, as in `storage/key_leases.hpp`: so loaders
// that ask for each other's keys never wait in a circle.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/redis_client.hpp>
#include <larder/remote/redis_lock.hpp>
#include <larder/sync/load_lease.hpp>
#include <larder/sync/per_process.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace larder::storage {

/// The leases that one cache holds. From any number of threads at once; borrows the client.
class redis_leases {
 public:
  class lease;

  /// `time`: how long a dead holder is waited for; 0: there are no leases, and every machine loads for itself.
  redis_leases(remote::redis_client& client, std::string key_prefix, std::chrono::milliseconds time)
      : prefix_(std::move(key_prefix) + "#lock/") {
    if (time.count() > 0) keeper_.emplace(client, time);
  }
  redis_leases(const redis_leases&) = delete;
  redis_leases& operator=(const redis_leases&) = delete;

  /// The lease of a key: held, another's, or nothing when there is none to be had.
  lease take(const digest& id);

  /// Ends the lease of a key, whoever holds it: what is being loaded under it is not stored. Throws `larder::error`.
  bool revoke(const digest& id) { return keeper_ && keeper_->revoke(key_of(id)); }

  /// While it lives: nobody of this process waits for another machine, when the calling thread holds a lease.
  class haste {
   public:
    explicit haste(redis_leases& of) noexcept : of_(of.holds_any() ? &of : nullptr) {
      if (of_ != nullptr) of_->mine_.get().hasty.fetch_add(1);
    }
    haste(const haste&) = delete;
    haste& operator=(const haste&) = delete;
    ~haste() {
      if (of_ != nullptr) of_->mine_.get().hasty.fetch_sub(1);
    }

   private:
    redis_leases* of_;
  };

 private:
  struct holding {
    std::string key;
    std::thread::id by;
  };
  struct roll {
    explicit roll(int) noexcept {}
    std::mutex mutex;
    std::vector<holding> held;
    std::atomic<int> hasty{0};
  };

  std::string key_of(const digest& id) const { return prefix_ + id.hex(); }

  bool holds_any() noexcept {
    roll& mine = mine_.get();
    const std::lock_guard guard(mine.mutex);
    return std::any_of(mine.held.begin(), mine.held.end(),
                       [](const holding& each) { return each.by == std::this_thread::get_id(); });
  }
  bool holds(const std::string& key) noexcept {
    roll& mine = mine_.get();
    const std::lock_guard guard(mine.mutex);
    return std::any_of(mine.held.begin(), mine.held.end(), [&](const holding& each) { return each.key == key; });
  }
  void note(const std::string& key) {
    roll& mine = mine_.get();
    const std::lock_guard guard(mine.mutex);
    mine.held.push_back({key, std::this_thread::get_id()});
  }
  void note_taken_over(const std::string& key) noexcept {
    roll& mine = mine_.get();
    const std::lock_guard guard(mine.mutex);
    for (holding& each : mine.held)
      if (each.key == key) each.by = std::this_thread::get_id();
  }
  void forget(const std::string& key) noexcept {
    roll& mine = mine_.get();
    const std::lock_guard guard(mine.mutex);
    std::erase_if(mine.held, [&](const holding& each) { return each.key == key; });
  }

  const std::string prefix_;
  std::optional<remote::redis_lock_keeper> keeper_;
  sync::per_process<roll, int> mine_{0};
};

/// The lease of one key, let go of when it is destroyed.
class redis_leases::lease final : public sync::load_lease {
 public:
  lease(lease&& other) noexcept
      : load_lease(other),
        of_(other.of_),
        key_(std::move(other.key_)),
        lock_(std::move(other.lock_)),
        busy_(std::exchange(other.busy_, false)),
        held_(std::exchange(other.held_, false)),
        pause_(other.pause_) {}
  lease(const lease&) = delete;
  lease& operator=(const lease&) = delete;
  ~lease() { release(); }

  /// Whether another machine or process loads the key.
  bool is_busy() const noexcept { return busy_; }
  /// Whether it was held and is somebody else's now, or nobody's. Asks the server.
  bool is_lost() const noexcept override {
    if (!held_) return false;
    if (lock_->is_lost()) return true;
    try {
      return !lock_->confirm();
    } catch (const std::exception&) {
      return lock_->is_lost();  // the value cannot be stored either, or the time decides
    }
  }
  const load_lease* to_store() const noexcept { return held_ ? this : nullptr; }

  /// Tries again, when another has it.
  void retry() noexcept {
    if (busy_) attempt();
  }
  /// Tries again after a while. Who must not wait loads without it.
  void wait() noexcept {
    if (!busy_) return;
    std::atomic<int>& hasty = of_->mine_.get().hasty;
    if (of_->holds_any() || hasty.load() > 0) {
      busy_ = false;
      return;
    }
    std::this_thread::sleep_for(pause_);  // nobody tells: the server is asked
    pause_ = std::min(pause_ * 2, longest_pause);
    if (hasty.load() > 0)
      busy_ = false;
    else
      attempt();
  }
  /// The thread that calls loads the key, not the one that took the lease.
  void take_over() noexcept {
    if (held_) of_->note_taken_over(key_);
  }
  void release() noexcept {
    busy_ = false;
    if (!std::exchange(held_, false)) return;
    of_->forget(key_);
    lock_->release();
  }

 private:
  friend class redis_leases;
  static constexpr std::chrono::milliseconds longest_pause{100};

  lease(redis_leases& of, std::string key) : of_(&of), key_(std::move(key)) {
    if (!of.keeper_) return;
    lock_ = std::make_unique<remote::redis_lock>(*of.keeper_, key_);
    attempt();
  }

  /// A lease of this very cache is one whose load was superseded: nobody waits for that.
  void attempt() noexcept {
    try {
      busy_ = !lock_->try_acquire() && !of_->holds(key_);
      if (!lock_->holds()) return;
      of_->note(key_);
      held_ = true;
    } catch (const std::exception&) {
      busy_ = false;
      lock_->release();
    }
  }

  redis_leases* of_;
  std::string key_;
  std::unique_ptr<remote::redis_lock> lock_;
  bool busy_ = false;
  bool held_ = false;
  std::chrono::milliseconds pause_{10};
};

inline redis_leases::lease redis_leases::take(const digest& id) { return lease(*this, key_of(id)); }

}  // namespace larder::storage
