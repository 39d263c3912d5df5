#pragma once

#include <atomic>
#include <cstdint>

namespace larder::datasets {

/// How many bytes of samples one data set has in the cache, and how many it may have.
class sample_quota {
 public:
  static constexpr std::uint64_t none = ~std::uint64_t{0};

  explicit sample_quota(std::uint64_t most = none) noexcept : most_(most) {}

  void set_most(std::uint64_t most) noexcept { most_.store(most, std::memory_order_relaxed); }
  std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  /// Whether a sample of that size would be within it.
  bool has(std::uint64_t size) const noexcept {
    const std::uint64_t most = most_.load(std::memory_order_relaxed);
    const std::uint64_t used = used_.load(std::memory_order_relaxed);
    return used <= most && size <= most - used;
  }
  bool take(std::uint64_t size) noexcept {
    const std::uint64_t most = most_.load(std::memory_order_relaxed);
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used > most || size > most - used) return false;
    } while (!used_.compare_exchange_weak(used, used + size, std::memory_order_relaxed));
    return true;
  }
  void give_back(std::uint64_t size) noexcept { used_.fetch_sub(size, std::memory_order_relaxed); }
  /// A sample is in the cache that others put there, or an earlier run.
  void note_present(std::uint64_t size) noexcept { used_.fetch_add(size, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> most_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace larder::datasets
