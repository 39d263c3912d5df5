#pragma once

// One load per key among the processes of a directory: a process that loads a key holds its lease (`lease_table`), the others wait for the
// value. While there are leases a thread renews them twice a second; so a load may take any time, a holder that dies is noticed at once by
// the lock that the kernel drops, and one that is stopped by its silence. Anything that goes wrong here means to load without a lease.
//
// Who holds a lease does not wait for another process's, nor lets anybody wait for one whom he waits for: so processes whose loaders ask
// for each other's keys never wait in a circle. They may load a key twice instead.

#include <larder/core/digest.hpp>
#include <larder/storage/lease_table.hpp>
#include <larder/sync/futex.hpp>
#include <larder/sync/load_lease.hpp>
#include <larder/sync/process_mutex.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace larder::storage {

/// The leases that one cache holds. From any number of threads at once.
class key_leases {
 public:
  static constexpr std::chrono::milliseconds beat{500};      ///< how often a lease is renewed
  static constexpr std::chrono::milliseconds grace{50};      ///< a holder that is found dead was that for so long
  static constexpr std::chrono::milliseconds silence{5000};  ///< a lease that nobody renewed for so long is anybody's
  static constexpr std::chrono::milliseconds trusted{50};    ///< for so long nobody looks again whether the file was cut

  class lease;

  /// With `careful`, the file is looked at before each use: somebody may cut it at any moment, and nobody shall get a signal for it.
  key_leases(std::string path, bool careful)
      : path_(std::move(path)), trust_(careful ? std::chrono::nanoseconds{0} : trusted), table_(lease_table::open(path_, trust_)) {}
  key_leases(const key_leases&) = delete;
  key_leases& operator=(const key_leases&) = delete;
  ~key_leases() {
    std::unique_ptr<heartbeat> last;  // ends without the lock
    if (threads_.is_inherited()) {
      leave_behind();
    } else {
      const guard held = enter();
      last = std::move(beating_);
    }
  }

  /// The lease of a key: held, another process's, or nothing when there is none to be had.
  lease take(const digest& id);

  /// Ends the lease of a key, whoever holds it: what is being loaded under it is not stored. Whether there was one.
  bool revoke(const digest& id) noexcept {
    const auto table = current();
    return table != nullptr && table->is_intact() && table->revoke(id);
  }
  bool revoke_all() noexcept {
    const auto table = current();
    return table != nullptr && table->is_intact() && table->revoke_all();
  }

  /// While it lives: whoever waits for another process on behalf of this one stops waiting, when the calling thread holds a lease.
  class haste {
   public:
    explicit haste(key_leases& of) noexcept : of_(of.holds_any() ? &of : nullptr) {
      if (of_ != nullptr) of_->hasty_.fetch_add(1);
    }
    haste(const haste&) = delete;
    haste& operator=(const haste&) = delete;
    ~haste() {
      if (of_ != nullptr) of_->hasty_.fetch_sub(1);
    }

   private:
    key_leases* of_;
  };

 private:
  using guard = sync::process_mutex::guard;
  using clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: only differences, and only this process's

  /// A lease that is held, as long as the table agrees.
  struct holding {
    std::shared_ptr<lease_table> table;
    std::size_t lane;
    std::uint64_t word;
    std::thread::id by;
    std::size_t index = 0;  // in the roll
  };
  using roll = std::vector<std::unique_ptr<holding>>;
  struct heartbeat {
    ~heartbeat() {
      stop.store(1);
      sync::futex_wake(reinterpret_cast<const std::uint32_t*>(&stop));
      if (thread.joinable()) thread.join();
    }
    std::atomic<std::uint32_t> stop{0};
    bool over = false;  // under threads_
    std::thread thread;
  };

  /// The lock, with what a child of `fork` inherited left behind.
  guard enter() {
    guard held = threads_.lock();
    if (const unsigned generation = threads_.generation(); generation != generation_) [[unlikely]] {
      generation_ = generation;
      leave_behind();
      held_ = std::make_unique<roll>();
      hasty_.store(0);
      if (table_ != nullptr) table_->leave();
      table_ = lease_table::open(path_, trust_);
    }
    return held;
  }
  /// What another thread of the parent was changing at the fork, and a thread that this process does not have.
  void leave_behind() noexcept {
    static_cast<void>(held_.release());
    static_cast<void>(beating_.release());
  }
  std::shared_ptr<lease_table> current() {
    const guard held = enter();
    return table_;
  }

  bool holds_any() noexcept {
    const guard held = enter();
    return std::any_of(held_->begin(), held_->end(), [](const auto& one) { return one->by == std::this_thread::get_id(); });
  }

  /// Under the lock: the table as it is now, made anew when it was removed or cut.
  const std::shared_ptr<lease_table>& table() {
    if (table_ == nullptr) {
      if (clock::now() < open_again_) return table_;
      open_again_ = clock::now() + beat;
    }
    if (table_ == nullptr || !table_->is_intact()) table_ = lease_table::open(path_, trust_);
    return table_;
  }

  /// Under the lock.
  holding* hold(const std::shared_ptr<lease_table>& table, const lease_table::attempt& taken) {
    held_->push_back(std::make_unique<holding>(holding{table, taken.lane, taken.word, std::this_thread::get_id(), held_->size()}));
    if (beating_ == nullptr || beating_->over) start_beating();
    return held_->back().get();
  }
  void let_go(holding* one) noexcept {
    if (one->table->is_intact()) one->table->release(one->lane, one->word);
    std::unique_ptr<holding>& place = (*held_)[one->index];
    if (one != held_->back().get()) {
      std::swap(place, held_->back());
      place->index = one->index;
    }
    held_->pop_back();
  }

  void start_beating() noexcept {
    try {
      beating_ = nullptr;
      auto fresh = std::make_unique<heartbeat>();
      fresh->thread = std::thread([this, own = fresh.get()] { keep_beating(*own); });
      beating_ = std::move(fresh);
    } catch (const std::exception&) {  // without one, others take over long loads; the next lease tries again
    }
  }
  /// Ends when there has been nothing to renew for a while.
  void keep_beating(heartbeat& own) {
    for (int idle = 0; own.stop.load() == 0;) {
      sync::futex_wait(reinterpret_cast<const std::uint32_t*>(&own.stop), 0, beat);
      const guard held = enter();
      idle = held_->empty() ? idle + 1 : 0;
      if (idle > 4) {
        own.over = true;
        return;
      }
      const lease_table* seen = nullptr;
      bool intact = false;
      for (const auto& one : *held_) {
        if (one->table.get() != seen) {
          seen = one->table.get();
          intact = seen->is_intact();
        }
        if (intact) one->table->renew(one->lane, one->word);
      }
    }
  }

  const std::string path_;
  const std::chrono::nanoseconds trust_;
  sync::process_mutex threads_;
  unsigned generation_ = 0;  // of the process that opened the table
  std::shared_ptr<lease_table> table_;
  clock::time_point open_again_{};
  std::unique_ptr<roll> held_ = std::make_unique<roll>();
  std::atomic<int> hasty_{0};
  std::unique_ptr<heartbeat> beating_;
};

/// The lease of one key, let go of when it is destroyed. In a child of `fork` it is its parent's, and means nothing.
class key_leases::lease final : public sync::load_lease {
 public:
  lease(lease&& other) noexcept
      : load_lease(other),
        of_(other.of_),
        process_(other.process_),
        id_(other.id_),
        held_(std::exchange(other.held_, nullptr)),
        table_(std::move(other.table_)),
        lane_(other.lane_),
        seen_(other.seen_),
        looked_(other.looked_),
        unchanged_(other.unchanged_) {}
  lease(const lease&) = delete;
  lease& operator=(const lease&) = delete;
  ~lease() { release(); }

  /// Whether another process loads the key.
  bool is_busy() const noexcept { return table_ != nullptr; }
  /// Whether it was held and is somebody else's now, or nobody's.
  bool is_lost() const noexcept override {
    if (held_ == nullptr) return false;
    if (!process_.is_current()) return true;
    const guard in = of_->enter();
    return held_->table->is_intact() && !held_->table->holds(held_->lane, held_->word);
  }
  /// What the storage asks before it stores what was loaded.
  const load_lease* to_store() const noexcept { return held_ == nullptr ? nullptr : this; }

  /// Tries again, when another process has it.
  void retry() {
    if (!is_busy()) return;
    const guard in = of_->enter();
    if (!process_.is_current() || !table_->is_intact())
      table_ = nullptr;
    else if (!take_over_abandoned())
      settle(table_->take(id_));
  }
  /// Tries again after a while, or when the other process let go of it. Who must not wait loads without it.
  void wait() {
    if (is_busy() && !of_->holds_any() && of_->hasty_.load() <= 0 && table_->is_intact())
      table_->wait(lane_, seen_, patience);
    else
      table_ = nullptr;
    if (of_->hasty_.load() > 0) table_ = nullptr;
    retry();
  }
  /// The thread that calls loads the key, not the one that took the lease.
  void take_over() {
    if (held_ == nullptr || !process_.is_current()) return;
    const guard in = of_->enter();
    held_->by = std::this_thread::get_id();
  }
  void release() noexcept {
    table_ = nullptr;
    holding* const mine = std::exchange(held_, nullptr);
    if (mine == nullptr || !process_.is_current()) return;
    const guard in = of_->enter();
    of_->let_go(mine);
  }

 private:
  friend class key_leases;
  static constexpr std::chrono::milliseconds patience{50};  // how long nobody looks whether the value came from elsewhere

  lease(key_leases& of, const digest& id) : of_(&of), id_(id) {
    const guard in = of.enter();
    process_ = of.threads_.current();
    if (const auto& table = of.table(); table != nullptr) {
      table_ = table;
      settle(table_->take(id_));
    }
  }

  /// Under the lock: what an attempt means. A lease of this very cache is one whose load was superseded: nobody waits for that.
  void settle(const lease_table::attempt& made) {
    if (made.what == lease_table::outcome::taken) held_ = of_->hold(table_, made);
    if (made.what != lease_table::outcome::busy || table_->is_own(made.lane)) {
      table_ = nullptr;
    } else if (made.lane != lane_ || made.word != seen_) {
      lane_ = made.lane;
      seen_ = made.word;
      looked_ = clock::now();
      unchanged_ = {};
    }
  }
  bool take_over_abandoned() {
    if (!table_->holds(lane_, seen_)) return false;
    // When this process was stopped meanwhile, so may have been the holder: only what it was awake for counts.
    const clock::time_point now = clock::now();
    unchanged_ += std::min<clock::duration>(now - std::exchange(looked_, now), 4 * patience);
    const bool abandoned = unchanged_ > silence || (unchanged_ > grace && table_->of_holder(lane_) == lease_table::liveness::dead);
    if (abandoned) settle(table_->take_over(id_, lane_, seen_));
    return abandoned;
  }

  key_leases* of_;
  sync::process_mutex::stamp process_;
  const digest id_;
  holding* held_ = nullptr;
  std::shared_ptr<lease_table> table_;  // while another process has it
  std::size_t lane_ = ~std::size_t{0};
  std::uint64_t seen_ = 0;
  clock::time_point looked_{};
  clock::duration unchanged_{};
};

inline key_leases::lease key_leases::take(const digest& id) { return lease(*this, id); }

}  // namespace larder::storage
