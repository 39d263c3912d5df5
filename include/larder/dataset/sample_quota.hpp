#pragma once

#include <larder/dataset/fill_gate.hpp>
#include <larder/dataset/sample_key.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace larder::datasets {

/// What some shards have in the cache: what was counted when nobody put anything, what this process put since, and at most what others did.
/// Changed under the lock of `sample_rooms`; `least` may be asked at any time.
class shard_account {
 public:
  /// Of these shards; of all that there are when none are named.
  explicit shard_account(std::vector<shard_key> shards) : shards_(std::move(shards)) {
    std::sort(shards_.begin(), shards_.end());
  }
  shard_account(const shard_account&) = delete;
  shard_account& operator=(const shard_account&) = delete;

  bool is_of(const shard_key& shard) const noexcept {
    return shards_.empty() || std::binary_search(shards_.begin(), shards_.end(), shard);
  }
  /// So much was there at a moment at which nobody put anything and others had announced `others` bytes.
  void count(std::uint64_t there, const fill_gate::tally& when, std::uint64_t others) noexcept {
    counted_at_ = when;
    others_ = others;
    mine_.store(there, std::memory_order_relaxed);
    counted_.store(true, std::memory_order_release);
  }
  /// Something was erased: it has to be counted anew.
  void forget() noexcept { counted_.store(false, std::memory_order_relaxed); }
  bool is_counted() const noexcept { return counted_.load(std::memory_order_acquire); }

  /// This process puts so much into one of its shards.
  void add(std::uint64_t size) noexcept { mine_.fetch_add(size, std::memory_order_relaxed); }
  void take_back(std::uint64_t size) noexcept { mine_.fetch_sub(size, std::memory_order_relaxed); }

  /// So much it has at least, 0 when that is not known.
  std::uint64_t least() const noexcept { return is_counted() ? mine_.load(std::memory_order_relaxed) : 0; }
  /// Whether so much more stays within `most`, whatever others put by now into whichever shards; false when it is not known.
  bool surely_has(std::uint64_t most, std::uint64_t size, const fill_gate::tally& now, std::uint64_t others) const noexcept {
    if (!is_counted() || now.page != counted_at_.page) return false;
    const std::uint64_t there = least();
    const std::uint64_t came = others - others_;  // modulo 2^64: the page may have begun anywhere
    return there <= most && came <= most - there && size <= most - there - came;
  }
  /// Whether nothing was erased since.
  bool is_current(const fill_gate::tally& now) const noexcept {
    return is_counted() && now.page == counted_at_.page && now.erased == counted_at_.erased;
  }

 private:
  std::vector<shard_key> shards_;
  std::atomic<bool> counted_{false};
  std::atomic<std::uint64_t> mine_{0};
  fill_gate::tally counted_at_;
  std::uint64_t others_ = 0;
};

/// How many bytes of samples one data set may have in the cache, whoever puts them.
class sample_quota {
 public:
  static constexpr std::uint64_t none = ~std::uint64_t{0};

  sample_quota() noexcept = default;
  sample_quota(std::uint64_t most, std::shared_ptr<shard_account> account) noexcept : most_(most), account_(std::move(account)) {}

  std::uint64_t most() const noexcept { return most_; }
  /// Null when there is no limit.
  shard_account* account() const noexcept { return account_.get(); }
  /// False when so much more is too much, as far as this process knows.
  bool may_have(std::uint64_t size) const noexcept {
    if (account_ == nullptr) return true;
    const std::uint64_t there = account_->least();
    return there <= most_ && size <= most_ - there;
  }

 private:
  std::uint64_t most_ = none;
  std::shared_ptr<shard_account> account_;
};

}  // namespace larder::datasets
