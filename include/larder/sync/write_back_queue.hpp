#pragma once

#include <larder/core/time.hpp>
#include <larder/sync/pending_queue.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::sync {

/// Puts and erases that were acknowledged and are still to reach a slow tier, in order, one pending change per key. A look-up
/// asks here first, so nothing acknowledged is ever invisible. Bounded in bytes: beyond the bound `put` waits.
template <class Key, class Value, class Hash>
class write_back_queue {
 public:
  /// What is pending for a key: nothing known, an erase, or a value.
  struct pending {
    bool known = false;
    std::optional<Value> value;
  };

  /// `write(key, optional<Value>)` does the real put (or erase) on the queue's own thread and must not throw.
  write_back_queue(std::function<void(const Key&, const std::optional<Value>&)> write, std::uint64_t most_bytes, Hash hash)
      : write_(std::move(write)), most_bytes_(most_bytes), changes_(8, std::move(hash)) {}
  write_back_queue(const write_back_queue&) = delete;
  write_back_queue& operator=(const write_back_queue&) = delete;
  /// Flushes for up to five seconds; what is left then is dropped, but for the write that is just running.
  ~write_back_queue() {
    flush(std::chrono::seconds(5));
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void put(const Key& key, std::optional<Value> value, std::uint64_t size) {
    std::unique_lock lock(mutex_);
    settled_.wait(lock, [&] {
      const auto older = changes_.find(key);  // its room is this one's
      const std::uint64_t others = bytes_ - (older == changes_.end() ? 0 : older->second.size);
      return others == 0 || others + size <= most_bytes_;
    });
    const auto [at, fresh] = changes_.try_emplace(key);
    if (!fresh) bytes_ -= at->second.size;
    at->second.value = std::move(value);
    at->second.size = size;
    ++at->second.version;
    bytes_ += size;
    if (fresh) order_.push(key);
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    lock.unlock();
    wake_.notify_one();
  }

  template <class KeyView>
  pending look(const KeyView& key) {
    const std::lock_guard lock(mutex_);
    const auto at = changes_.find(key);
    return at == changes_.end() ? pending{} : pending{true, at->second.value};
  }

  /// Forgets everything that is pending and waits for the write that is just running.
  void clear() {
    std::unique_lock lock(mutex_);
    order_.clear();
    for (auto at = changes_.begin(); at != changes_.end();) at = running_ && at->first == *running_ ? std::next(at) : changes_.erase(at);
    bytes_ = 0;
    for (auto& [key, waiting] : changes_) waiting.size = 0;
    settled_.wait(lock, [this] { return !running_; });
    changes_.clear();
    order_.clear();
    bytes_ = 0;
    settled_.notify_all();
  }

  /// Waits until nothing is pending, at most so long; whether that was reached.
  bool flush(duration deadline) {
    const std::chrono::steady_clock::time_point end(core::deadline_after(steady_time::now(), std::max(deadline, duration{0})));
    std::unique_lock lock(mutex_);
    return settled_.wait_until(lock, end, [this] { return changes_.empty(); });
  }

  /// Turns what is pending of a key into an erase; whether that was a value, nothing when nothing is pending.
  std::optional<bool> withdraw(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto at = changes_.find(key);
    if (at == changes_.end()) return std::nullopt;
    const bool had = at->second.value.has_value();
    at->second.value.reset();
    bytes_ -= std::exchange(at->second.size, 0);
    ++at->second.version;
    settled_.notify_all();
    return had;
  }
  /// The keys of which something is pending.
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
      write_(*running_, value);
      lock.lock();
      const auto written = changes_.find(*running_);
      if (written != changes_.end()) {
        if (written->second.version == version) {
          bytes_ -= written->second.size;
          changes_.erase(written);
        } else {
          order_.push(*running_);  // changed while it was written: once more
        }
      }
      running_.reset();
      settled_.notify_all();
    }
  }

  std::function<void(const Key&, const std::optional<Value>&)> write_;
  const std::uint64_t most_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable settled_;
  std::unordered_map<Key, change, Hash, std::equal_to<>> changes_;
  pending_queue<Key> order_;
  std::optional<Key> running_;
  std::uint64_t bytes_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace larder::sync
