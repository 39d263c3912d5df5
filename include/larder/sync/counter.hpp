#pragma once

#include <atomic>
#include <cstdint>

namespace larder::sync {

/// A number that several threads add to; exact, ordered with nothing.
template <bool Shared, class Number = std::uint64_t>
class counter {
 public:
  void add(Number n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  /// The same where a lock keeps others from changing it.
  void add_alone(Number n = 1) noexcept { store(load() + n); }
  void subtract(Number n) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }
  Number load() const noexcept { return value_.load(std::memory_order_relaxed); }
  void store(Number n) noexcept { value_.store(n, std::memory_order_relaxed); }
  /// Adds `n` when the sum stays within `bound`.
  bool add_within(Number n, Number bound) noexcept {
    Number now = load();
    do {
      if (n > bound || now > bound - n) return false;
    } while (!value_.compare_exchange_weak(now, now + n, std::memory_order_relaxed));
    return true;
  }

 private:
  std::atomic<Number> value_{0};
};

/// The same for one thread at a time: a plain number.
template <class Number>
class counter<false, Number> {
 public:
  void add(Number n = 1) noexcept { value_ += n; }
  void add_alone(Number n = 1) noexcept { value_ += n; }
  void subtract(Number n) noexcept { value_ -= n; }
  Number load() const noexcept { return value_; }
  void store(Number n) noexcept { value_ = n; }
  bool add_within(Number n, Number bound) noexcept {
    if (n > bound || value_ > bound - n) return false;
    value_ += n;
    return true;
  }

 private:
  Number value_ = 0;
};

}  // namespace larder::sync
