#pragma once

#include <atomic>
#include <cstdint>

namespace larder::datasets {

/// How many bytes of samples one data set may still put into the cache.
class sample_quota {
 public:
  static constexpr std::uint64_t none = ~std::uint64_t{0};

  explicit sample_quota(std::uint64_t most = none) noexcept : left_(most), limited_(most != none) {}

  bool has(std::uint64_t size) const noexcept { return !limited_ || left_.load(std::memory_order_relaxed) >= size; }
  bool take(std::uint64_t size) noexcept {
    if (!limited_) return true;
    std::uint64_t left = left_.load(std::memory_order_relaxed);
    do {
      if (left < size) return false;
    } while (!left_.compare_exchange_weak(left, left - size, std::memory_order_relaxed));
    return true;
  }
  void give_back(std::uint64_t size) noexcept {
    if (limited_) left_.fetch_add(size, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> left_;
  bool limited_;
};

}  // namespace larder::datasets
