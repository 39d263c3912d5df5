#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

namespace larder::sync {

/// A number below 64 that no other living thread has, given at a thread's first question and given back at its end; 64 when
/// all are taken. One load where the thread has asked before. What its last owner wrote is visible to the next one.
/// The only thing in the library that is the process's: there is one set of threads.
class thread_number {
 public:
  static constexpr unsigned all_taken = 64;

  static unsigned mine() noexcept { return known() != unasked ? known() : take(); }
  /// The same without asking: more than `all_taken` where the thread has never asked.
  static unsigned known() noexcept { return cached(); }

 private:
  static constexpr unsigned unasked = 65;

  static unsigned& cached() noexcept {
    static thread_local constinit unsigned number = unasked;
    return number;
  }
  static std::atomic<std::uint64_t>& taken() noexcept {
    static constinit std::atomic<std::uint64_t> numbers{0};
    return numbers;
  }
  /// Gives the number back when the thread ends; who asks later in that ending shares.
  struct holder {
    unsigned number;
    ~holder() {
      cached() = all_taken;
      if (number < all_taken) taken().fetch_and(~(std::uint64_t{1} << number), std::memory_order_release);
    }
  };
  static unsigned take() noexcept {
    std::uint64_t now = taken().load(std::memory_order_relaxed);
    unsigned number = all_taken;
    while (~now != 0) {
      number = static_cast<unsigned>(std::countr_one(now));
      if (taken().compare_exchange_weak(now, now | (std::uint64_t{1} << number), std::memory_order_acquire, std::memory_order_relaxed)) break;
      number = all_taken;
    }
    cached() = number;
    if (number < all_taken) {
      static thread_local const holder held{number};
      static_cast<void>(held);
    }
    return number;
  }
};

}  // namespace larder::sync
