#pragma once

// What long work returns. The work itself runs on a thread that somebody else owns (a cache's loader, a writer): a task
// only watches it, so dropping one never blocks and never stops the work.

#include <larder/core/error.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>

namespace larder {

/// How far long work has come, in the unit that its function documents.
struct task_progress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;

  /// In [0, 1]; 1 for work that has nothing to do.
  double fraction() const noexcept {
    return total == 0 ? 1.0 : static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  }
};

namespace sync {

struct task_state {
  std::mutex mutex;
  std::condition_variable finished;
  task_progress progress;
  std::exception_ptr failure;
  bool done = false;
  std::stop_source stop;
};

}  // namespace sync

/// Long work that goes on elsewhere. Movable; dropping it detaches the work. All members may be called from any thread.
class task {
 public:
  /// Work that is already done.
  task() = default;

  /// Returns when the work is over; throws what it failed with, `larder::error` (cancelled) when it was stopped before its end.
  void wait() const {
    if (!state_) return;
    std::unique_lock lock(state_->mutex);
    state_->finished.wait(lock, [&] { return state_->done; });
    if (state_->failure) std::rethrow_exception(state_->failure);
  }

  /// Like `wait`, for at most that long; whether the work is over.
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> limit) const {
    if (!state_) return true;
    std::unique_lock lock(state_->mutex);
    if (!state_->finished.wait_for(lock, limit, [&] { return state_->done; })) return false;
    if (state_->failure) std::rethrow_exception(state_->failure);
    return true;
  }

  /// Whether the work is over, well or not.
  bool done() const {
    if (!state_) return true;
    const std::lock_guard lock(state_->mutex);
    return state_->done;
  }

  task_progress progress() const {
    if (!state_) return {};
    const std::lock_guard lock(state_->mutex);
    return state_->progress;
  }

  /// Asks the work to end early; `wait` says when it has.
  void request_stop() {
    if (state_) state_->stop.request_stop();
  }

 private:
  friend class task_worker;
  explicit task(std::shared_ptr<sync::task_state> state) noexcept : state_(std::move(state)) {}
  std::shared_ptr<sync::task_state> state_;
};

/// The other end of a `task`, held by whoever does the work. Movable; dropped without `finish` or `fail`, it fails the
/// task with `cancelled`, so that nobody waits for ever.
class task_worker {
 public:
  explicit task_worker(std::uint64_t total) : state_(std::make_shared<sync::task_state>()) { state_->progress.total = total; }
  task_worker(task_worker&&) noexcept = default;
  task_worker& operator=(task_worker&& other) noexcept {
    if (this != &other) {
      abandon();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  task_worker(const task_worker&) = delete;
  task_worker& operator=(const task_worker&) = delete;
  ~task_worker() { abandon(); }

  /// A handle for whoever waits; may be called more than once.
  task watch() const { return task(state_); }

  void advance(std::uint64_t n = 1) {
    const std::lock_guard lock(state_->mutex);
    state_->progress.done += n;
  }
  bool stop_requested() const noexcept { return state_->stop.stop_requested(); }
  std::stop_token stop_token() const noexcept { return state_->stop.get_token(); }

  void finish() { end(nullptr); }
  void fail(std::exception_ptr failure) { end(std::move(failure)); }
  void cancel() { end(std::make_exception_ptr(error(error_cause::cancelled, "the work was stopped before its end"))); }

 private:
  void end(std::exception_ptr failure) {
    const auto state = std::exchange(state_, nullptr);
    if (!state) return;
    {
      const std::lock_guard lock(state->mutex);
      state->failure = std::move(failure);
      state->done = true;
    }
    state->finished.notify_all();
  }
  void abandon() noexcept {
    if (!state_) return;
    try {
      cancel();
    } catch (...) {  // out of memory while making the error: end without one
      end(nullptr);
    }
  }

  std::shared_ptr<sync::task_state> state_;
};

}  // namespace larder
