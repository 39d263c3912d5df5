#pragma once

#include <larder/core/error.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>
#include <larder/sync/call_loader.hpp>
#include <larder/sync/counter.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stop_token>
#include <string>
#include <type_traits>
#include <vector>

namespace larder::sync {

/// How many loads a cache, or tiers, run in the background at once.
inline constexpr std::size_t most_loads = 64;

/// Runs loaders and keeps count: the values that they brought, the runs that failed, and the time that all took. `Latency` is a pointer
/// to what each run's time is told to, where somebody wants to know.
template <bool Shared, class Latency = core::none>
class load_runner {
 public:
  explicit load_runner(Latency latency = {}) noexcept : latency_(latency) {}

  /// What the loader brings for the key.
  template <class Value, class Loader, class Key>
  Value one(Loader& loader, const Key& key, const std::stop_token& stop) {
    Value loaded = timed([&] { return call_loader<Value>(loader, key, stop); });
    loads_.add();
    return loaded;
  }

  /// What the batch loader brings, one value per key in the keys' order.
  template <class BatchLoader, class Key>
  auto batch(BatchLoader& batch_loader, const std::vector<Key>& keys) {
    auto loaded = timed([&] {
      auto values = batch_loader(keys);
      if (std::size(values) != keys.size())
        core::fail(error_cause::load, "a batch loader was asked for " + std::to_string(keys.size()) + " values and returned " +
                                          std::to_string(std::size(values)) + "; return one per key, in the keys' order");
      return values;
    });
    loads_.add(keys.size());
    return loaded;
  }

  void add_to(cache_stats& stats) const noexcept {
    stats.loads = loads_.load();
    stats.load_failures = failures_.load();
    stats.load_time = duration{static_cast<duration::rep>(time_.load())};
  }
  void reset() noexcept {
    loads_.store(0);
    failures_.store(0);
    time_.store(0);
  }

 private:
  template <class Load>
  auto timed(Load&& load) {
    const auto begin = std::chrono::steady_clock::now();
    const auto count_time = [&] {
      const auto spent = std::chrono::duration_cast<duration>(std::chrono::steady_clock::now() - begin);
      time_.add(static_cast<std::uint64_t>(spent.count()));
      if constexpr (!std::is_same_v<Latency, core::none>) latency_->add_load(spent);
    };
    try {
      auto loaded = load();
      count_time();
      return loaded;
    } catch (...) {
      count_time();
      failures_.add();
      throw;
    }
  }

  [[no_unique_address]] Latency latency_;
  counter<Shared> loads_;
  counter<Shared> failures_;
  counter<Shared> time_;
};

}  // namespace larder::sync
