#pragma once

#include <larder/sync/fork_mark.hpp>

#include <atomic>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

namespace larder::sync {

/// Excludes the threads of one process from each other. A child of `fork` begins with nobody inside, whoever was there in its parent, and
/// what the parent's threads held is none of its business. Costs no system call.
class process_mutex {
 public:
  process_mutex() { ::new (static_cast<void*>(&memory_)) std::mutex; }
  process_mutex(const process_mutex&) = delete;
  process_mutex& operator=(const process_mutex&) = delete;
  ~process_mutex() {
    if (!mark_.is_in_child()) mutex().~mutex();  // a held one must not be destroyed
  }

  /// Names the process that made it: `is_current()` is false in a child that was forked since.
  class stamp {
   public:
    stamp() noexcept = default;
    bool is_current() const noexcept {
      return of_ != nullptr && !of_->mark_.is_in_child() && of_->generation_.load(std::memory_order_relaxed) == generation_;
    }

   private:
    friend class process_mutex;
    stamp(const process_mutex* of, unsigned generation) noexcept : of_(of), generation_(generation) {}
    const process_mutex* of_ = nullptr;
    unsigned generation_ = 0;
  };

  /// Holds the mutex until it is destroyed; a child's copy holds nothing.
  class guard {
   public:
    guard() noexcept = default;
    guard(guard&& other) noexcept : of_(std::exchange(other.of_, nullptr)), stamp_(other.stamp_) {}
    guard& operator=(guard&& other) noexcept {
      std::swap(of_, other.of_);
      std::swap(stamp_, other.stamp_);
      return *this;
    }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() {
      if (of_ == nullptr || !stamp_.is_current()) return;
      of_->holder_.store(std::thread::id{}, std::memory_order_relaxed);
      of_->mutex().unlock();
    }

   private:
    friend class process_mutex;
    explicit guard(process_mutex& of) noexcept : of_(&of), stamp_(of.current()) {}
    process_mutex* of_ = nullptr;
    stamp stamp_;
  };

  guard lock() {
    enter();
    mutex().lock();
    holder_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    return guard(*this);
  }
  /// `lock()`, or an empty guard when this thread is inside already.
  guard lock_unless_held() {
    enter();
    if (holder_.load(std::memory_order_relaxed) == std::this_thread::get_id()) return {};
    return lock();
  }

  stamp current() const noexcept { return {this, generation_.load(std::memory_order_relaxed)}; }
  /// Whether this is a child's copy that the child has not used.
  bool is_inherited() const noexcept { return mark_.is_in_child(); }
  /// How many forks lie between the process that made it and this one.
  unsigned generation() const noexcept { return generation_.load(std::memory_order_relaxed); }

 private:
  void enter() noexcept {
    if (!mark_.is_in_child()) [[likely]]
      return;
    mark_.renew([this] {
      ::new (static_cast<void*>(&memory_)) std::mutex;
      holder_.store(std::thread::id{}, std::memory_order_relaxed);
      generation_.fetch_add(1, std::memory_order_relaxed);
    });
  }
  std::mutex& mutex() noexcept { return *std::launder(reinterpret_cast<std::mutex*>(&memory_)); }

  fork_mark mark_;
  std::atomic<unsigned> generation_{0};
  std::atomic<std::thread::id> holder_{};
  alignas(std::mutex) unsigned char memory_[sizeof(std::mutex)];
};

}  // namespace larder::sync
