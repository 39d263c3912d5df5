#pragma once

#include <atomic>
#include <cstddef>
#include <new>
#include <thread>

#include <sys/mman.h>
#include <unistd.h>

namespace larder::sync {

/// Tells a child of `fork` from the process that made the mark, for the price of one load: the mark lies in a page that
/// Linux clears in a child; where it cannot, the process number is asked for each time.
class fork_mark {
 public:
  fork_mark() noexcept : owner_(::getpid()) {
#ifdef MADV_WIPEONFORK
    void* page = ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    if (::madvise(page, page_size, MADV_WIPEONFORK) != 0) {
      ::munmap(page, page_size);
      return;
    }
    state_ = ::new (page) std::atomic<unsigned>(ours);
#endif
  }
  fork_mark(const fork_mark&) = delete;
  fork_mark& operator=(const fork_mark&) = delete;
  ~fork_mark() {
    if (state_ != nullptr) ::munmap(static_cast<void*>(state_), page_size);
  }

  bool is_in_child() const noexcept {
    return state_ != nullptr ? state_->load(std::memory_order_acquire) != ours : owner_.load(std::memory_order_acquire) != ::getpid();
  }

  /// In a child: one thread runs `f`, the others wait for it; from then on the mark is the child's own.
  template <class F>
  void renew(F&& f) noexcept {
    if (state_ != nullptr) {
      unsigned expected = wiped;
      if (state_->compare_exchange_strong(expected, renewing)) {
        f();
        state_->store(ours, std::memory_order_release);
      }
    } else {
      ::pid_t before = owner_.load();
      if (before != nobody && before != ::getpid() && owner_.compare_exchange_strong(before, nobody)) {
        f();
        owner_.store(::getpid(), std::memory_order_release);
      }
    }
    while (is_in_child()) std::this_thread::yield();
  }

 private:
  static constexpr std::size_t page_size = 4096;
  static constexpr unsigned wiped = 0;
  static constexpr unsigned ours = 1;
  static constexpr unsigned renewing = 2;
  static constexpr ::pid_t nobody = -1;

  std::atomic<unsigned>* state_ = nullptr;
  std::atomic<::pid_t> owner_;
};

}  // namespace larder::sync
