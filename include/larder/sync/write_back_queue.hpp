#pragma once

#include <larder/core/time.hpp>
#include <larder/sync/pending_queue.hpp>
#include <larder/sync/per_process.hpp>
#include <larder/sync/write_back_options.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::sync {

/// Puts and erases that were acknowledged and are still to reach a slow tier, in order, one pending change per key. A look-up
/// asks here first, so nothing acknowledged is ever invisible. Bounded in bytes: beyond the bound `put` waits, or the oldest values go. A child of
/// `fork` begins with nothing pending: what its parent owes its parent writes.
template <class Key, class Value, class Hash>
class write_back_queue {
 public:
  /// What is pending for a key: nothing known, an erase, or a value.
  struct pending {
    bool known = false;
    std::optional<Value> value;
  };

  /// `write(key, optional<Value>)` does the real put (or erase) on the queue's own thread and must not throw. The destructor
  /// flushes until the options' deadline; what is left then is dropped, but for the write that is just running. `dropped(key)` is told, under the queue's lock,
  /// of a value that goes unwritten because the queue was full.
  write_back_queue(std::function<void(const Key&, const std::optional<Value>&)> write, const write_back_options& options, Hash hash,
                   std::function<void(const Key&)> dropped = [](const Key&) {})
      : debts_(settings{std::move(write), options, std::move(hash), std::move(dropped)}) {}

  void put(const Key& key, std::optional<Value> value, std::uint64_t size) { debts_.get().put(key, std::move(value), size); }

  template <class KeyView>
  pending look(const KeyView& key) {
    if (const debts* const seen = debts_.peek(); seen == nullptr || seen->none()) return {};
    debts* const mine = debts_.find();
    return mine != nullptr ? mine->look(key) : pending{};
  }

  /// Forgets everything that is pending and waits for the write that is just running.
  void clear() {
    if (debts* const mine = debts_.find()) mine->clear();
  }

  /// Waits until nothing is pending, at most so long; whether that was reached.
  bool flush(duration deadline) {
    debts* const mine = debts_.find();
    return mine == nullptr || mine->flush(deadline);
  }

  /// Turns what is pending of a key into an erase; what that was.
  pending withdraw(const Key& key) {
    debts* const mine = debts_.find();
    return mine != nullptr ? mine->withdraw(key) : pending{};
  }

  /// The keys of which something is pending.
  std::vector<Key> keys() const {
    const debts* const mine = debts_.find();
    return mine != nullptr ? mine->keys() : std::vector<Key>{};
  }
  std::size_t size() const {
    const debts* const mine = debts_.find();
    return mine != nullptr ? mine->size() : 0;
  }
  /// Bytes of the values that are pending.
  std::uint64_t weight() const {
    const debts* const mine = debts_.find();
    return mine != nullptr ? mine->weight() : 0;
  }
  /// How many values went unwritten because the queue was full.
  std::uint64_t dropped() const {
    const debts* const mine = debts_.find();
    return mine != nullptr ? mine->dropped() : 0;
  }
  void reset_dropped() {
    if (debts* const mine = debts_.find()) mine->reset_dropped();
  }

 private:
  struct settings {
    std::function<void(const Key&, const std::optional<Value>&)> write;
    write_back_options options;
    Hash hash;
    std::function<void(const Key&)> dropped;
  };

  /// What one process owes, and its thread, which starts with the first change.
  class debts {
   public:
    explicit debts(const settings& given) : given_(given), changes_(8, given.hash) {}
    debts(const debts&) = delete;
    debts& operator=(const debts&) = delete;
    ~debts() {
      flush(given_.options.flush_deadline);
      {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
      }
      wake_.notify_all();
      if (thread_.joinable()) thread_.join();
    }

    void put(const Key& key, std::optional<Value> value, std::uint64_t size) {
      std::unique_lock lock(mutex_);
      const auto fits = [&] {
        const auto older = changes_.find(key);  // its room is this one's
        const std::uint64_t others = bytes_ - (older == changes_.end() ? 0 : older->second.size);
        return others == 0 || others + size <= given_.options.most_bytes;
      };
      if (given_.options.when_full == full_queue::wait)
        settled_.wait(lock, fits);
      else
        drop_oldest_until(fits, key);
      const auto [at, fresh] = changes_.try_emplace(key);
      if (!fresh) bytes_ -= at->second.size;
      at->second.value = std::move(value);
      at->second.size = size;
      ++at->second.version;
      bytes_ += size;
      count_changes();
      if (fresh) order_.push(key);
      if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
      lock.unlock();
      wake_.notify_one();
    }

    bool none() const noexcept { return count_.load(std::memory_order_acquire) == 0; }

    template <class KeyView>
    pending look(const KeyView& key) const {
      const std::lock_guard lock(mutex_);
      const auto at = changes_.find(key);
      return at == changes_.end() ? pending{} : pending{true, at->second.value};
    }

    void clear() {
      std::unique_lock lock(mutex_);
      order_.clear();
      for (auto at = changes_.begin(); at != changes_.end();)
        at = running_ && at->first == *running_ ? std::next(at) : changes_.erase(at);
      bytes_ = 0;
      for (auto& [key, waiting] : changes_) waiting.size = 0;
      settled_.wait(lock, [this] { return !running_; });
      changes_.clear();
      order_.clear();
      bytes_ = 0;
      count_changes();
      settled_.notify_all();
    }

    bool flush(duration deadline) {
      const std::chrono::steady_clock::time_point end(core::deadline_after(steady_time::now(), std::max(deadline, duration{0})));
      std::unique_lock lock(mutex_);
      return settled_.wait_until(lock, end, [this] { return changes_.empty(); });
    }

    pending withdraw(const Key& key) {
      const std::lock_guard lock(mutex_);
      const auto at = changes_.find(key);
      if (at == changes_.end()) return {};
      pending had{true, std::exchange(at->second.value, std::nullopt)};
      bytes_ -= std::exchange(at->second.size, 0);
      ++at->second.version;
      settled_.notify_all();
      return had;
    }

    std::vector<Key> keys() const {
      const std::lock_guard lock(mutex_);
      std::vector<Key> all;
      all.reserve(changes_.size());
      for (const auto& row : changes_) all.push_back(row.first);
      return all;
    }

    std::size_t size() const {
      const std::lock_guard lock(mutex_);
      return changes_.size();
    }
    std::uint64_t weight() const {
      const std::lock_guard lock(mutex_);
      return bytes_;
    }
    std::uint64_t dropped() const {
      const std::lock_guard lock(mutex_);
      return dropped_;
    }
    void reset_dropped() {
      const std::lock_guard lock(mutex_);
      dropped_ = 0;
    }

   private:
    struct change {
      std::optional<Value> value;
      std::uint64_t size = 0;
      std::uint64_t version = 0;
    };

    void run() {
      std::unique_lock lock(mutex_);
      for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !order_.empty(); });
        if (stopping_) return;
        running_ = order_.pop();
        const auto at = changes_.find(*running_);
        if (at == changes_.end()) {
          running_.reset();
          settled_.notify_all();
          continue;
        }
        const std::optional<Value> value = at->second.value;
        const std::uint64_t version = at->second.version;
        lock.unlock();
        given_.write(*running_, value);
        lock.lock();
        const auto written = changes_.find(*running_);
        if (written != changes_.end()) {
          if (written->second.version == version) {
            bytes_ -= written->second.size;
            changes_.erase(written);
            count_changes();
          } else {
            order_.push(*running_);  // changed while it was written: once more
          }
        }
        running_.reset();
        settled_.notify_all();
      }
    }

    /// Erases stay: they cost nothing, and without one an old value would come back.
    template <class Fits>
    void drop_oldest_until(Fits& fits, const Key& but) {
      for (std::size_t left = order_.size(); left != 0 && !fits(); --left) {
        Key oldest = order_.pop();
        const auto at = changes_.find(oldest);
        if (at == changes_.end()) continue;
        if (at->second.size == 0 || oldest == but) {
          order_.push(std::move(oldest));
          continue;
        }
        bytes_ -= at->second.size;
        ++dropped_;
        given_.dropped(oldest);
        changes_.erase(at);
        count_changes();
      }
      settled_.notify_all();
    }

    void count_changes() noexcept { count_.store(changes_.size(), std::memory_order_release); }

    const settings& given_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable settled_;
    std::unordered_map<Key, change, Hash, std::equal_to<>> changes_;
    std::atomic<std::size_t> count_{0};  // of changes_, for whoever does not lock
    pending_queue<Key> order_;
    std::optional<Key> running_;
    std::uint64_t bytes_ = 0;
    std::uint64_t dropped_ = 0;
    bool stopping_ = false;
    std::thread thread_;
  };

  per_process<debts, settings> debts_;
};

}  // namespace larder::sync
