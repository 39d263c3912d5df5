#pragma once

#include <mutex>
#include <thread>
#include <unordered_set>

namespace larder::artifacts {

/// Which threads are in a resolver.
class resolver_turns {
 public:
  /// One thread's, while it lives.
  class turn {
   public:
    explicit turn(resolver_turns& all) : all_(all) {
      const std::lock_guard lock(all_.mutex_);
      outermost_ = all_.threads_.insert(std::this_thread::get_id()).second;
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
      if (!outermost_) return;
      const std::lock_guard lock(all_.mutex_);
      all_.threads_.erase(std::this_thread::get_id());
    }

    /// Whether the thread had one already.
    bool is_nested() const noexcept { return !outermost_; }

   private:
    resolver_turns& all_;
    bool outermost_;
  };

 private:
  std::mutex mutex_;
  std::unordered_set<std::thread::id> threads_;
};

}  // namespace larder::artifacts
