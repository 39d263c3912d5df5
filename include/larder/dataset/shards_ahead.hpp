#pragma once

#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/epoch_order.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace larder::datasets {

/// Which shards will be opened soon, and that the system is told so in time: the rest of a window that is being opened, and what follows. Where all
/// samples are in the cache nothing is opened, and nothing is read ahead.
class shards_ahead {
 public:
  /// Told before a window is used: its shards and those that follow, another window or some megabytes, whichever is more.
  template <class Source>
  void expect(const Source& source, const epoch_order& order, std::size_t window) {
    const std::lock_guard lock(mutex_);
    if (window == 0 || told_.size() != order.shards()) told_.assign(order.shards(), false);
    expected_.clear();
    std::uint64_t following = 0;
    for (std::size_t w = window; w < order.windows() && (w <= window + 1 || following < least_ahead); ++w)
      for (std::size_t i = 0; i < order.shards_in(w); ++i) {
        expected_.push_back(order.shard(w, i));
        if (w != window) following += source.shard_bytes(expected_.back());
      }
  }
  /// A shard is opened by whoever calls this: the others are read ahead, once an epoch.
  template <class Source>
  void begin(const Source& source, std::size_t opened) {
    std::vector<std::size_t> next;
    {
      const std::lock_guard lock(mutex_);
      if (opened < told_.size()) told_[opened] = true;
      next.swap(expected_);
      std::erase_if(next, [&](std::size_t shard) { return shard >= told_.size() || told_[shard]; });
      for (const std::size_t shard : next) told_[shard] = true;
    }
    for (const std::size_t shard : next) source.read_ahead(shard);
  }

 private:
  static constexpr std::uint64_t least_ahead = std::uint64_t{8} << 20U;

  std::mutex mutex_;
  std::vector<std::size_t> expected_;
  std::vector<bool> told_;  // this epoch
};

}  // namespace larder::datasets
