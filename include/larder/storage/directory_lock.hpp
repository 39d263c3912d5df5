#pragma once

// One writer at a time in a directory that several processes share: a mutex for the threads of this one and flock on a
// file for the others. flock and not fcntl: closing any descriptor of a file drops a process's fcntl locks, and two
// objects in one process would both get one. The kernel lets go of flock when a process dies, so no lock is ever stale.
//
// A forked child shares the parent's open file and with it the lock. So a child opens the file anew (and starts with a
// mutex of its own, as a thread that is not there any more may have held the copied one), and never unlocks what it
// inherited.

#include <larder/storage/posix_file.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <sys/file.h>
#include <unistd.h>

namespace larder::storage {

class directory_lock {
  struct process_state {
    explicit process_state(process_state* inherited) noexcept : previous(inherited) {}
    const pid_t process = ::getpid();
    process_state* const previous;  // of the parent: kept, as destroying a mutex that is held is undefined
    std::mutex threads;
    std::atomic<std::thread::id> holder{};
    file_descriptor file;
    file_identity identity;
  };

 public:
  /// Holds the lock until it is destroyed.
  class guard {
   public:
    guard() noexcept = default;
    guard(guard&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    guard& operator=(guard&& other) noexcept {
      std::swap(state_, other.state_);
      return *this;
    }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() {
      if (state_ == nullptr || state_->process != ::getpid()) return;
      if (state_->file) ::flock(state_->file.get(), LOCK_UN);
      state_->holder.store(std::thread::id{}, std::memory_order_relaxed);
      state_->threads.unlock();
    }

   private:
    friend class directory_lock;
    explicit guard(process_state* state) noexcept : state_(state) {}
    process_state* state_ = nullptr;
  };

  /// With an empty path only the threads of this process exclude each other.
  explicit directory_lock(std::string path) : path_(std::move(path)), state_(new process_state(nullptr)) {}
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;
  ~directory_lock() {
    for (process_state* state = state_.load(std::memory_order_acquire); state != nullptr;) {
      process_state* const previous = state->previous;
      if (state->process == ::getpid())
        delete state;
      else
        state->file.reset();
      state = previous;
    }
  }

  /// Waits until nobody else, in this process or another, holds the lock. Throws `file_error`.
  guard lock() {
    process_state* const state = own_state();
    state->threads.lock();
    try {
      if (!path_.empty()) lock_file(*state);
    } catch (...) {
      state->file.reset();  // and with it whatever was locked of it
      state->threads.unlock();
      throw;
    }
    state->holder.store(std::this_thread::get_id(), std::memory_order_relaxed);
    return guard(state);
  }

  /// `lock()`, or an empty guard when this thread holds the lock already.
  guard lock_unless_held() {
    if (own_state()->holder.load(std::memory_order_relaxed) == std::this_thread::get_id()) return {};
    return lock();
  }

 private:
  process_state* own_state() {
    process_state* state = state_.load(std::memory_order_acquire);
    if (state->process == ::getpid()) return state;
    auto fresh = std::make_unique<process_state>(state);
    if (state_.compare_exchange_strong(state, fresh.get(), std::memory_order_acq_rel)) {
      state->file.reset();  // closing what was inherited leaves the parent's lock as it is
      return fresh.release();
    }
    return state;  // another thread of the child was faster
  }

  void lock_file(process_state& state) const {
    for (;;) {
      if (!state.file) {
        state.file = open_file(path_, O_RDWR | O_CREAT);
        if (!state.file) fail_file("open the lock file", path_, errno);
        state.identity = identify(state.file, path_);
      }
      if (uninterrupted([&] { return ::flock(state.file.get(), LOCK_EX); }) != 0) fail_file("lock", path_, errno);
      // Whoever removed the file and made a new one locks another file than we do.
      const std::optional<file_identity> named = identify(path_);
      if (named && named->same_file(state.identity)) return;
      state.file.reset();
    }
  }

  std::string path_;
  std::atomic<process_state*> state_;
};

}  // namespace larder::storage
