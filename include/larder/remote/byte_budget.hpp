#pragma once

#include <larder/core/error.hpp>
#include <larder/sync/per_process.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stop_token>
#include <utility>

namespace larder::remote {

/// How many bytes may be on their way at once, for all who share it: hand one to every store of a process by `shared_ptr`. First come, first
/// served; what is larger than all of it goes alone. Safe from many threads; a child of `fork` has all of it for itself.
class byte_budget {
  struct state;

 public:
  static constexpr std::uint64_t usual = std::uint64_t{256} << 20U;

  explicit byte_budget(std::uint64_t bytes = usual) : capacity_(bytes), state_(bytes) {}
  byte_budget(const byte_budget&) = delete;
  byte_budget& operator=(const byte_budget&) = delete;

  /// A share, given back by its destructor; must not outlive the budget. Movable.
  class lease {
   public:
    lease() noexcept = default;
    lease(lease&& other) noexcept : of_(std::exchange(other.of_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    lease& operator=(lease&& other) noexcept {
      std::swap(of_, other.of_);
      std::swap(size_, other.size_);
      return *this;
    }
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() {
      if (of_ != nullptr) of_->give_back(size_);
    }
    std::uint64_t size() const noexcept { return size_; }

   private:
    friend byte_budget;
    lease(state& of, std::uint64_t size) noexcept : of_(&of), size_(size) {}
    state* of_ = nullptr;
    std::uint64_t size_ = 0;
  };

  /// Waits until there is room for so many bytes. Throws `larder::error` (cancelled) when a stop is requested first. Who holds a share and
  /// waits for another may wait for ever.
  lease take(std::uint64_t bytes, const std::stop_token& stop = {}) {
    state& mine = state_.get();
    mine.take(bytes, stop);
    return lease(mine, bytes);
  }
  /// A share at once, beyond the budget if need be: those who wait then wait longer.
  lease charge(std::uint64_t bytes) {
    state& mine = state_.get();
    const std::lock_guard lock(mine.mutex);
    mine.used += bytes;
    return lease(mine, bytes);
  }

  std::uint64_t capacity() const noexcept { return capacity_; }
  std::uint64_t in_flight() const {
    state& mine = state_.get();
    const std::lock_guard lock(mine.mutex);
    return mine.used;
  }
  /// How many are waiting.
  std::size_t waiting() const {
    state& mine = state_.get();
    const std::lock_guard lock(mine.mutex);
    return mine.queue.size();
  }

 private:
  struct state {
    explicit state(std::uint64_t bytes) : capacity(bytes) {}

    void take(std::uint64_t bytes, const std::stop_token& stop) {
      std::unique_lock lock(mutex);
      const std::uint64_t ticket = next_ticket++;
      queue.push_back(ticket);
      const bool mine = changed.wait(lock, stop, [&] { return queue.front() == ticket && (used == 0 || (bytes <= capacity && used <= capacity - bytes)); });
      std::erase(queue, ticket);
      if (mine) used += bytes;
      changed.notify_all();  // the next one may fit beside it, or has come to the front
      if (!mine) core::fail(error_cause::cancelled, "a transfer was given up while it waited for its turn because a stop was requested");
    }
    void give_back(std::uint64_t bytes) noexcept {
      {
        const std::lock_guard lock(mutex);
        used -= bytes;
      }
      changed.notify_all();
    }

    const std::uint64_t capacity;
    std::mutex mutex;
    std::condition_variable_any changed;
    std::deque<std::uint64_t> queue;
    std::uint64_t next_ticket = 0;
    std::uint64_t used = 0;
  };

  const std::uint64_t capacity_;
  sync::per_process<state, std::uint64_t> state_;
};

}  // namespace larder::remote
