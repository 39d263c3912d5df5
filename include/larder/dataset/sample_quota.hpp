#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace larder::datasets {

/// How many bytes of samples one data set may have in the cache. What it has is counted by all its streams together.
class sample_quota {
 public:
  static constexpr std::uint64_t none = ~std::uint64_t{0};
  using counter = std::atomic<std::uint64_t>;

  sample_quota() noexcept = default;
  sample_quota(std::uint64_t most, std::shared_ptr<counter> used) noexcept : most_(most), used_(std::move(used)) {}

  bool has(std::uint64_t size) const noexcept { return used_ == nullptr || leaves(used_->load(std::memory_order_relaxed), size); }
  bool take(std::uint64_t size) noexcept {
    if (used_ == nullptr) return true;
    std::uint64_t used = used_->load(std::memory_order_relaxed);
    do {
      if (!leaves(used, size)) return false;
    } while (!used_->compare_exchange_weak(used, used + size, std::memory_order_relaxed));
    return true;
  }
  void give_back(std::uint64_t size) noexcept {
    if (used_ != nullptr) used_->fetch_sub(size, std::memory_order_relaxed);
  }

 private:
  bool leaves(std::uint64_t used, std::uint64_t size) const noexcept { return used <= most_ && size <= most_ - used; }

  std::uint64_t most_ = none;
  std::shared_ptr<counter> used_;
};

}  // namespace larder::datasets
