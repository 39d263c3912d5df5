#pragma once

// One load per key at a time: the first to ask leads, the others wait for its result. A put, erase or clear in the
// meantime supersedes the load: its waiters still get what it loads, but it is not stored, and whoever asks afterwards
// begins a load of their own.

#include <larder/core/error.hpp>

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
    bool done_ = false;
    bool superseded_ = false;
    std::optional<Value> value_;
    std::exception_ptr failure_;
    std::thread::id leader_;  // under the owner's waits_mutex_
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
    const auto [at, led] = flights_.try_emplace(key);
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

  /// Ends a flight with its value. `store(value)` runs before anybody is told, and only when nothing superseded the load.
  template <class Store>
  void land(const Key& key, const handle& flown, const Value& value, Store&& store) {
    {
      const std::lock_guard lock(flown->mutex_);
      if (flown->done_) return;
      if (!flown->superseded_) {
        try {
          store(value);
        } catch (...) {  // the caller's value is good; that it could not be kept is the store's to report
        }
      }
      flown->value_.emplace(value);
      flown->done_ = true;
    }
    retire(key, flown);
    flown->landed_.notify_all();
  }

  /// Ends a flight with the loader's exception, which every waiter gets.
  void fail(const Key& key, const handle& flown, std::exception_ptr failure) noexcept {
    {
      const std::lock_guard lock(flown->mutex_);
      if (flown->done_) return;
      flown->failure_ = std::move(failure);
      flown->done_ = true;
    }
    retire(key, flown);
    flown->landed_.notify_all();
  }

  /// What the flight brings. Throws the loader's exception, `larder::error` (reentrant) when the wait would wait for the
  /// caller itself, and `larder::error` (cancelled) when a stop is requested first.
  Value wait(const handle& flown, const std::stop_token& stop = {}) {
    {
      const std::lock_guard lock(flown->mutex_);
      if (flown->done_) return result(*flown);
    }
    const waiting mark(*this, *flown);
    // The callback takes the mutex, so that a stop between the check and the wait is not lost.
    const std::stop_callback wake(stop, [&flown] {
      { const std::lock_guard hold(flown->mutex_); }
      flown->landed_.notify_all();
    });
    std::unique_lock lock(flown->mutex_);
    flown->landed_.wait(lock, [&] { return flown->done_ || stop.stop_requested(); });
    if (flown->done_) return result(*flown);
    lock.unlock();
    core::fail(error_cause::cancelled, "the wait for a load was given up because a stop was requested");
  }

  /// The key was put or erased: a load on its way is not stored. Waits only for a `store` that is just running.
  template <class KeyView>
  void supersede(const KeyView& key) noexcept {
    if (idle()) return;
    handle flown;
    {
      const std::lock_guard lock(mutex_);
      const auto at = flights_.find(key);
      if (at == flights_.end()) return;
      flown = at->second;
      flights_.erase(at);
      count_.fetch_sub(1, std::memory_order_seq_cst);
    }
    const std::lock_guard lock(flown->mutex_);
    flown->superseded_ = true;
  }

  /// All keys that `which(key)` names.
  template <class Which>
  void supersede_if(Which&& which) {
    if (idle()) return;
    std::vector<handle> flown;
    {
      const std::lock_guard lock(mutex_);
      for (auto at = flights_.begin(); at != flights_.end();) {
        if (which(at->first)) {
          flown.push_back(at->second);
          at = flights_.erase(at);
          count_.fetch_sub(1, std::memory_order_seq_cst);
        } else {
          ++at;
        }
      }
    }
    for (const handle& f : flown) {
      const std::lock_guard lock(f->mutex_);
      f->superseded_ = true;
    }
  }

 private:
  /// Notes who waits for what, so that a circle is an error and not a deadlock.
  class waiting {
   public:
    waiting(single_flight& owner, flight& flown) : owner_(owner) {
      const std::thread::id self = std::this_thread::get_id();
      const std::lock_guard lock(owner_.waits_mutex_);
      for (const flight* f = &flown; f != nullptr;) {
        if (f->leader_ == self)
          core::fail(error_cause::reentrant,
                     "a loader asked, directly or through another load, for the key that it is loading; load the parts "
                     "under keys of their own");
        const auto at = owner_.waits_.find(f->leader_);
        f = at == owner_.waits_.end() ? nullptr : at->second;
      }
      owner_.waits_.emplace(self, &flown);
    }
    ~waiting() {
      const std::lock_guard lock(owner_.waits_mutex_);
      owner_.waits_.erase(std::this_thread::get_id());
    }
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;

   private:
    single_flight& owner_;
  };

  static Value result(const flight& flown) {
    if (flown.failure_) std::rethrow_exception(flown.failure_);
    return *flown.value_;
  }

  void retire(const Key& key, const handle& flown) noexcept {
    const std::lock_guard lock(mutex_);
    const auto at = flights_.find(key);
    if (at != flights_.end() && at->second == flown) {
      flights_.erase(at);
      count_.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  std::mutex mutex_;
  std::unordered_map<Key, handle, Hash, Equal> flights_;
  std::atomic<std::size_t> count_{0};
  std::mutex waits_mutex_;
  std::unordered_map<std::thread::id, const flight*> waits_;
};

}  // namespace larder::sync
