#pragma once

#include <larder/sync/per_process.hpp>

#include <mutex>
#include <thread>
#include <unordered_set>

namespace larder::artifacts {

/// Which threads are in a resolver. In a child of `fork` none is.
class resolver_turns {
 public:
  /// One thread's, while it lives.
  class turn {
   public:
    explicit turn(resolver_turns& all) : all_(all) {
      table& mine = all_.table_.get();
      const std::lock_guard lock(mine.mutex);
      outermost_ = mine.threads.insert(std::this_thread::get_id()).second;
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
      table* const mine = all_.table_.find();
      if (!outermost_ || mine == nullptr) return;
      const std::lock_guard lock(mine->mutex);
      mine->threads.erase(std::this_thread::get_id());
    }

    /// Whether the thread had one already.
    bool is_nested() const noexcept { return !outermost_; }

   private:
    resolver_turns& all_;
    bool outermost_;
  };

 private:
  struct table {
    explicit table(int) {}
    std::mutex mutex;
    std::unordered_set<std::thread::id> threads;
  };
  sync::per_process<table, int> table_{0};
};

}  // namespace larder::artifacts
