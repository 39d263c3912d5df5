#pragma once

// One load per key at a time: the first to ask leads, the others wait for its result. A put, erase or clear in the
// meantime supersedes the load: its waiters still get what it loads, but it is not stored, and whoever asks afterwards
// begins a load of their own.
//
// Why no loaded value outlives a later write. A flight is in the table until a write takes it out or its store is over, and
// the table's mutex orders the two. A write that comes first marks the flight, which then never stores. A store that comes
// first is waited for by each write that finds it, since it stays in the table: what they write, they write after it.
//
// `store` runs without any lock, since a weigher or codec of the user's runs in it and may call the cache. A write which
// that calls, or one that would be waited for in a circle, waits for nobody: it marks the flight that is storing, and
// `take_back` follows the store before anybody who waits goes on. Only after such a write may a look-up of another thread
// still meet the loaded value, until the store that it came from is over.
//
// The leaders of what a child of `fork` inherits are not there. Before a thread waits for somebody it makes sure that it is not
// in such a child; if it is, all that is on its way is left behind.

#include <larder/sync/load_refused.hpp>
#include <larder/sync/process.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::sync {

template <class Key, class Value, class Hash, class Equal = std::equal_to<>>
class single_flight {
 public:
  /// One load on its way, shared by its leader and its waiters.
  class flight {
   public:
    explicit flight(std::thread::id leader) : leader_(leader) {}

   private:
    friend class single_flight;
    std::mutex mutex_;
    std::condition_variable landed_;
    std::atomic<bool> done_{false};  // set under mutex_, once what it brings is there
    std::optional<Value> value_;
    std::exception_ptr failure_;
    bool storing_ = false;     // under the owner's mutex_
    bool superseded_ = false;  // under the owner's mutex_
    std::thread::id leader_;   // under the owner's waits_mutex_
  };
  using handle = std::shared_ptr<flight>;

  explicit single_flight(Hash hash = Hash{}) : flights_(8, std::move(hash)) {}
  single_flight(const single_flight&) = delete;
  single_flight& operator=(const single_flight&) = delete;

  /// Whether any load is on its way: one relaxed-cost check for the paths that only rarely meet one.
  bool idle() const noexcept { return count_.load(std::memory_order_seq_cst) == 0; }

  /// The flight for the key, and whether the caller leads it and so must land it.
  std::pair<handle, bool> join_or_lead(const Key& key, std::thread::id leader = std::this_thread::get_id()) {
    const std::lock_guard lock(mutex_);
    auto [at, led] = flights_.try_emplace(key);
    if (!led && leader != std::thread::id{} && leave_behind()) std::tie(at, led) = flights_.try_emplace(key);
    if (led) {
      try {
        at->second = std::make_shared<flight>(leader);
      } catch (...) {
        flights_.erase(at);
        throw;
      }
      count_.fetch_add(1, std::memory_order_seq_cst);
    }
    return {at->second, led};
  }

  /// Leads only when nobody does, for work in the background: no thread is its leader before one says so with `take_over`.
  handle lead(const Key& key) {
    auto [flown, led] = join_or_lead(key, std::thread::id{});
    return led ? flown : nullptr;
  }
  /// The calling thread does the work of a flight that another thread began.
  void take_over(const handle& flown) {
    const std::lock_guard lock(waits_mutex_);
    flown->leader_ = std::this_thread::get_id();
  }

  /// Ends a flight with its value; called by its leader. `store(value)` runs before anybody is told, without any lock, and
  /// only when nothing superseded the load; `take_back()` after it when the key was written from within it. What they
  /// throw is theirs to report: the value is good.
  template <class Store, class TakeBack>
  void land(const Key& key, const handle& flown, const Value& value, Store&& store, TakeBack&& take_back) {
    if (may_store(*flown)) {
      attempt([&] { store(value); });
      if (!retire_if_unwritten(key, flown)) {
        attempt(take_back);
        retire(key, flown);
      }
    }
    flown->value_.emplace(value);
    announce(*flown);
  }
  template <class Store>
  void land(const Key& key, const handle& flown, const Value& value, Store&& store) {
    land(key, flown, value, store, [] {});
  }

  /// Ends a flight with the loader's exception, which every waiter gets; called by its leader. Nothing when it has landed.
  void fail(const Key& key, const handle& flown, std::exception_ptr failure) noexcept {
    if (flown->done_.load(std::memory_order_acquire)) return;
    retire(key, flown);
    flown->failure_ = std::move(failure);
    announce(*flown);
  }

  /// What the flight brings. Throws the loader's exception, `larder::error` (reentrant) when the wait would wait for the
  /// caller itself, and `larder::error` (cancelled) when a stop is requested first.
  Value wait(const handle& flown, const std::stop_token& stop = {}) {
    if (!flown->done_.load(std::memory_order_acquire)) {
      const waiting note(*this, *flown);
      if (note.circular()) refuse_reentrant();
      // The callback takes the mutex, so that a stop between the check and the wait is not lost.
      const std::stop_callback wake(stop, [&flown] {
        { const std::lock_guard hold(flown->mutex_); }
        flown->landed_.notify_all();
      });
      std::unique_lock lock(flown->mutex_);
      flown->landed_.wait(lock, [&] { return flown->done_.load(std::memory_order_acquire) || stop.stop_requested(); });
    }
    if (!flown->done_.load(std::memory_order_acquire))
      core::fail(error_cause::cancelled, "the wait for a load was given up because a stop was requested");
    if (flown->failure_) std::rethrow_exception(flown->failure_);
    return *flown->value_;
  }

  /// The key was put or erased: a load on its way is not stored. Waits only for a `store` that is just running.
  template <class KeyView>
  void supersede(const KeyView& key) noexcept {
    if (idle()) return;
    handle storing;
    {
      const std::lock_guard lock(mutex_);
      if (const auto at = flights_.find(key); at != flights_.end()) mark_at(at, [&](const handle& flown) { storing = flown; });
    }
    if (storing) outwait(*storing);
  }

  /// All keys that `which(key)` names.
  template <class Which>
  void supersede_if(Which&& which) {
    if (idle()) return;
    std::vector<handle> storing;
    {
      const std::lock_guard lock(mutex_);
      for (auto at = flights_.begin(); at != flights_.end();)
        at = which(at->first) ? mark_at(at, [&](const handle& flown) { storing.push_back(flown); }) : std::next(at);
    }
    for (const handle& flown : storing) outwait(*flown);
  }

 private:
  using table = std::unordered_map<Key, handle, Hash, Equal>;

  /// Notes who waits for what, so that a circle is seen instead of becoming a deadlock.
  class waiting {
   public:
    waiting(single_flight& owner, const flight& flown) : owner_(owner) {
      const std::thread::id self = std::this_thread::get_id();
      const std::lock_guard lock(owner_.waits_mutex_);
      // Who waits for a flight that is over only has not woken up yet.
      for (const flight* f = &flown; f != nullptr && !f->done_.load(std::memory_order_acquire);) {
        if (f->leader_ == self) {
          circular_ = true;
          return;
        }
        const auto at = owner_.waits_.find(f->leader_);
        f = at == owner_.waits_.end() ? nullptr : at->second;
      }
      owner_.waits_.emplace(self, &flown);
    }
    ~waiting() {
      if (circular_) return;
      const std::lock_guard lock(owner_.waits_mutex_);
      owner_.waits_.erase(std::this_thread::get_id());
    }
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;

    bool circular() const noexcept { return circular_; }

   private:
    single_flight& owner_;
    bool circular_ = false;
  };

  template <class F>
  static void attempt(F&& f) noexcept {
    try {
      f();
    } catch (...) {
    }
  }

  /// A flight that flies leaves the table for good; one that stores is handed to `wait_for`.
  template <class WaitFor>
  typename table::iterator mark_at(typename table::iterator at, WaitFor&& wait_for) {
    if (at->second->storing_) {
      wait_for(at->second);
      return std::next(at);
    }
    at->second->superseded_ = true;
    count_.fetch_sub(1, std::memory_order_seq_cst);
    return flights_.erase(at);
  }

  /// Under mutex_: whether this is a child that did not know it yet. Then it stores and waits for nothing of its parent's.
  bool leave_behind() noexcept {
    const long here = this_process();
    if (std::exchange(process_, here) == here) return false;
    for (auto& row : flights_) row.second->superseded_ = true;
    flights_.clear();
    count_.store(0, std::memory_order_seq_cst);
    const std::lock_guard lock(waits_mutex_);
    waits_.clear();
    return true;
  }

  /// Waits until the flight has landed. Where that would be waiting for oneself, the flight learns that it must take back.
  void outwait(flight& flown) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (leave_behind()) return;
    }
    try {
      const waiting note(*this, flown);
      if (!note.circular()) {
        std::unique_lock lock(flown.mutex_);
        flown.landed_.wait(lock, [&] { return flown.done_.load(std::memory_order_acquire); });
        return;
      }
    } catch (...) {  // no memory for the note: nobody could see a circle
    }
    const std::lock_guard lock(mutex_);
    flown.superseded_ = true;
  }

  bool may_store(flight& flown) noexcept {
    const std::lock_guard lock(mutex_);
    flown.storing_ = !flown.superseded_;
    return flown.storing_;
  }

  /// The store is over: the flight leaves the table. Not when the key was written from within the store.
  bool retire_if_unwritten(const Key& key, const handle& flown) noexcept {
    const std::lock_guard lock(mutex_);
    if (flown->superseded_) return false;
    take_out(key, flown);
    return true;
  }
  void retire(const Key& key, const handle& flown) noexcept {
    const std::lock_guard lock(mutex_);
    take_out(key, flown);
  }
  void take_out(const Key& key, const handle& flown) noexcept {
    const auto at = flights_.find(key);
    if (at == flights_.end() || at->second != flown) return;
    flights_.erase(at);
    count_.fetch_sub(1, std::memory_order_seq_cst);
  }

  static void announce(flight& flown) noexcept {
    {
      const std::lock_guard lock(flown.mutex_);
      flown.done_.store(true, std::memory_order_release);
    }
    flown.landed_.notify_all();
  }

  std::mutex mutex_;
  table flights_;
  std::atomic<std::size_t> count_{0};
  std::mutex waits_mutex_;
  std::unordered_map<std::thread::id, const flight*> waits_;
  long process_ = this_process();  // under mutex_
};

}  // namespace larder::sync
