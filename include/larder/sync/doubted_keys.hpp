#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <unordered_map>

namespace larder::sync {

/// The keys (by hash) for which a storage failed to take a write, so that what it holds may be older than what was put or
/// erased. It is not asked for them until a write succeeds. After a failure over all keys, or too many of them, it is asked
/// only for keys that were written since, until it is cleared. A template, so that only who has such a storage compiles it.
template <class Hash>
class doubted_keys {
 public:
  /// Whether there is any doubt at all: what a look-up asks before it hashes its key.
  bool any() const noexcept { return any_.load(std::memory_order_acquire); }
  bool about(Hash hash) const {
    if (!any()) return false;
    const std::lock_guard lock(mutex_);
    return hashes_.contains(hash) != all_;
  }
  void after_write(Hash hash, bool failed) {
    if (!failed && !any()) return;
    const std::lock_guard lock(mutex_);
    if (failed == all_) {
      hashes_.erase(hash);
    } else if (hashes_.size() < most) {
      hashes_.try_emplace(hash);
    } else if (failed) {
      all_ = true;
      hashes_.clear();
    }
    any_.store(all_ || !hashes_.empty(), std::memory_order_release);
  }
  /// The whole storage was told to drop entries: after a failure nobody knows which it kept.
  void after_clear(bool failed) {
    const std::lock_guard lock(mutex_);
    all_ = failed;
    hashes_.clear();
    any_.store(failed, std::memory_order_release);
  }

 private:
  static constexpr std::size_t most = 1 << 20;

  std::atomic<bool> any_{false};
  mutable std::mutex mutex_;
  bool all_ = false;
  struct nothing {};
  std::unordered_map<Hash, nothing> hashes_;  // the keys in doubt; when all are, those that are not (a map: its header is paid for)
};

}  // namespace larder::sync
