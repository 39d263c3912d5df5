#pragma once

// The order in which an epoch uses the samples. The shards are permuted and cut into windows, the samples of each window are permuted among
// themselves: only the shards of one window need to be at hand. All of it follows from the settings, the epoch and the sizes of the shards.

#include <larder/core/error.hpp>
#include <larder/core/mix.hpp>
#include <larder/dataset/permutation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace larder::datasets {

struct order_settings {
  std::uint64_t seed = 0;
  bool shuffle = false;
  std::size_t window = 0;  ///< how many shards are shuffled together; 0: all

  friend constexpr bool operator==(const order_settings&, const order_settings&) noexcept = default;
};

/// The windows of an epoch and the shards of each. Without `shuffle`: as they lie.
class epoch_order {
 public:
  epoch_order(const order_settings& settings, std::uint64_t epoch, std::size_t shards)
      : shards_(shards),
        window_(settings.window == 0 || settings.window > shards ? std::max<std::size_t>(shards, 1) : settings.window),
        shuffle_(settings.shuffle),
        key_(core::mix(core::mix(settings.seed + 1) + epoch)),
        order_(shards, core::mix(key_)) {}

  std::size_t shards() const noexcept { return shards_; }
  bool shuffled() const noexcept { return shuffle_; }
  /// How many windows there are; 0 without shards.
  std::size_t windows() const noexcept { return shards_ / window_ + (shards_ % window_ != 0 ? 1 : 0); }
  /// How many shards a window has: the same for all but the last one.
  std::size_t shards_in(std::size_t window) const noexcept {
    return window >= windows() ? 0 : std::min(window_, shards_ - window * window_);
  }
  /// The i-th shard of a window, both of them below their number.
  std::size_t shard(std::size_t window, std::size_t i) const noexcept {
    const std::size_t place = window * window_ + i;
    return shuffle_ ? static_cast<std::size_t>(order_(place)) : place;
  }
  /// What the order of a window's samples is made from.
  std::uint64_t window_key(std::size_t window) const noexcept { return core::mix(key_ + window + 1); }

 private:
  std::size_t shards_;
  std::size_t window_;
  bool shuffle_;
  std::uint64_t key_;
  permutation order_;
};

/// A sample: the shard that it is in and its number there.
struct sample_place {
  std::size_t shard = 0;
  std::uint64_t index = 0;

  friend constexpr bool operator==(const sample_place&, const sample_place&) noexcept = default;
};

/// The order of the samples of one window, known once the sizes of its shards are. 16 bytes for each of the window's shards.
class window_order {
 public:
  /// `counts[i]` is the size of `order.shard(window, i)`. Throws `larder::error` when there is not one for each shard, or when they do not
  /// add up to 64 bits.
  window_order(const epoch_order& order, std::size_t window, std::span<const std::uint64_t> counts)
      : shuffle_(order.shuffled()),
        shards_(order.shards_in(window)),
        ends_(sums_of(counts, shards_.size())),
        order_(size(), order.window_key(window)) {
    for (std::size_t i = 0; i < shards_.size(); ++i) shards_[i] = order.shard(window, i);
  }

  std::uint64_t size() const noexcept { return ends_.empty() ? 0 : ends_.back(); }
  /// Where the window's k-th sample lies, k below `size()`. Logarithmic in the number of the window's shards.
  sample_place operator[](std::uint64_t k) const noexcept {
    const std::uint64_t number = shuffle_ ? order_(k) : k;
    const auto of = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), number) - ends_.begin());
    return {shards_[of], number - (of == 0 ? 0 : ends_[of - 1])};
  }

 private:
  static std::vector<std::uint64_t> sums_of(std::span<const std::uint64_t> counts, std::size_t shards) {
    if (counts.size() != shards)
      core::fail(error_cause::invalid_argument, "window_order: " + std::to_string(counts.size()) + " sizes for a window of " +
                                                    std::to_string(shards) + " shards; give one for each");
    std::vector<std::uint64_t> ends;
    ends.reserve(shards);
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts) {
      if (count > ~std::uint64_t{0} - sum)
        core::fail(error_cause::invalid_argument,
                   "window_order: the shards of a window have more than 2^64 samples together; take fewer to a window");
      ends.push_back(sum += count);
    }
    return ends;
  }

  bool shuffle_;
  std::vector<std::size_t> shards_;
  std::vector<std::uint64_t> ends_;  // the i-th shard's samples end here
  permutation order_;
};

}  // namespace larder::datasets
