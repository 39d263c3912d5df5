#pragma once

// Verification beside the read, not after it: hashing a piece takes a third to a half of what copying it out of the page cache takes, and
// nothing is read meanwhile by a thread that hashes. So another thread hashes what is there while the next piece comes.

#include <larder/layer/layer_verification.hpp>
#include <larder/sync/worker_pool.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

namespace larder::layers {

/// Compares a layer with its digests on a thread of `helpers`, behind whoever reads it into its memory; when they are all busy, on
/// the reader's thread at the end. For one reader.
class verification_behind {
 public:
  /// `memory` is that of the layer and stays until this object is gone.
  verification_behind(layer_verification check, std::span<const std::byte> memory, sync::worker_pool<>& helpers)
      : helpers_(&helpers) {
    if (check.is_on()) work_ = std::make_shared<work>(std::move(check), memory);
  }
  verification_behind(const verification_behind&) = delete;
  verification_behind& operator=(const verification_behind&) = delete;
  /// The memory is not looked at any more afterwards.
  ~verification_behind() {
    if (work_ != nullptr) work_->give_up();
  }

  bool is_on() const noexcept { return work_ != nullptr; }

  /// The layer's bytes before `end` are there, and stay as they are.
  void reached(std::uint64_t end) {
    if (work_ == nullptr || !work_->wants_help(end)) return;
    try {
      helpers_->post([shared = work_] { shared->help(); });
    } catch (const std::exception&) {  // no thread to be had: then it is done at the end
      work_->do_without();
    }
  }

  /// The first tensor whose bytes, of those that were reached, are not what its digest says. Once.
  std::optional<std::size_t> finish() { return work_ == nullptr ? std::nullopt : work_->finish(); }

 private:
  class work {
   public:
    work(layer_verification check, std::span<const std::byte> memory) : check_(std::move(check)), memory_(memory) {}

    /// Whether a helper is to be called: there is enough for it, and none is at it or on its way.
    bool wants_help(std::uint64_t end) {
      const std::lock_guard lock(mutex_);
      there_ = end;
      if (is_called_ || is_busy_ || there_ - done_ < worth_a_thread) return false;
      is_called_ = true;
      return true;
    }
    void do_without() {
      const std::lock_guard lock(mutex_);
      is_called_ = false;
    }
    /// On a thread of the pool; perhaps long after everything is over.
    void help() noexcept {
      std::unique_lock lock(mutex_);
      is_called_ = false;
      if (is_closed_ || is_busy_) return;  // who reads has come to the end before and does it himself
      go_on(lock);
      left_.notify_all();
    }
    std::optional<std::size_t> finish() {
      std::unique_lock lock(mutex_);
      left_.wait(lock, [this] { return !is_busy_; });
      go_on(lock);
      is_closed_ = true;
      if (failure_) std::rethrow_exception(failure_);
      return check_.wrong();
    }
    void give_up() noexcept {
      std::unique_lock lock(mutex_);
      is_closed_ = true;
      left_.wait(lock, [this] { return !is_busy_; });
    }

   private:
    static constexpr std::uint64_t worth_a_thread = std::uint64_t{512} << 10U;
    static constexpr std::uint64_t slice = std::uint64_t{512} << 10U;

    /// Hashes what is there, one thread at a time.
    void go_on(std::unique_lock<std::mutex>& lock) noexcept {
      is_busy_ = true;
      while (done_ < there_ && !is_closed_ && !failure_) {
        const std::uint64_t end = std::min(there_, done_ + slice);
        lock.unlock();
        std::exception_ptr thrown;
        try {
          check_.add(memory_.subspan(static_cast<std::size_t>(done_), static_cast<std::size_t>(end - done_)));
        } catch (...) {  // no memory for one more tensor's state
          thrown = std::current_exception();
        }
        lock.lock();
        failure_ = std::move(thrown);
        done_ = end;
      }
      is_busy_ = false;
    }

    std::mutex mutex_;
    std::condition_variable left_;
    layer_verification check_;  // of whoever hashes
    const std::span<const std::byte> memory_;
    std::uint64_t there_ = 0;
    std::uint64_t done_ = 0;  // changed by whoever hashes
    bool is_called_ = false;  // a helper is on its way
    bool is_busy_ = false;    // somebody hashes
    bool is_closed_ = false;
    std::exception_ptr failure_;
  };

  sync::worker_pool<>* helpers_;
  std::shared_ptr<work> work_;
};

}  // namespace larder::layers
