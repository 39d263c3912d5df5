#pragma once

#include <larder/config/cache_metrics.hpp>
#include <larder/config/cache_part.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/tiered.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>

namespace larder {

/// A cache from text to `bytes` whose types were chosen at run time: in memory, on disk, or in memory before the disk. Any number of threads.
/// A call costs one or two virtual ones more than on a `cache`.
class managed_cache {
  using write_through_part = tier<config::cache_part, tier_mode::write_through>;
  using one_tier = tiered<write_through_part>;
  using two_tiers = tiered<write_through_part, write_through_part>;

 public:
  /// At least one of the parts; `cache_manager` makes them.
  managed_cache(std::string name, std::unique_ptr<config::cache_part> memory, std::unique_ptr<config::cache_part> disk)
      : name_(std::move(name)), memory_(std::move(memory)), disk_(std::move(disk)), wanted_(first().capacity()) {
    if (memory_ && disk_)
      both_ = std::make_unique<two_tiers>(*memory_, *disk_);
    else
      one_ = std::make_unique<one_tier>(first());
  }
  managed_cache(const managed_cache&) = delete;
  managed_cache& operator=(const managed_cache&) = delete;

  const std::string& name() const noexcept { return name_; }

  /// The value, or nothing; counts as a use. A hit on disk is promoted into memory.
  std::optional<bytes> get(std::string_view key) {
    return with([&](auto& tiers) { return tiers.get(key); });
  }
  /// The value without any effect on order, expiry or statistics.
  std::optional<bytes> peek(std::string_view key) {
    return with([&](auto& tiers) { return tiers.peek(key); });
  }
  bool contains(std::string_view key) {
    return with([&](auto& tiers) { return tiers.contains(key); });
  }
  /// Stores or replaces; false when no tier took it.
  bool put(std::string_view key, bytes value) {
    return with([&](auto& tiers) { return tiers.put(key, std::move(value)); });
  }
  /// The same with a time to live of its own.
  bool put(std::string_view key, bytes value, duration time_to_live) {
    return with([&](auto& tiers) { return tiers.put(key, std::move(value), time_to_live); });
  }
  bool put_if_absent(std::string_view key, bytes value) {
    return with([&](auto& tiers) { return tiers.put_if_absent(key, std::move(value)); });
  }
  /// The value, loaded by `loader(key)` on a miss, once at a time for each key in this process; see `cache::get_or_load`.
  bytes get_or_load(std::string_view key, const std::function<bytes(const std::string& key)>& loader,
                    const std::stop_token& stop = {}) {
    return with([&](auto& tiers) { return tiers.get_or_load(key, loader, stop); });
  }
  /// Drops the key and says whether it was there.
  bool remove(std::string_view key) {
    return with([&](auto& tiers) { return tiers.erase(key); });
  }
  void clear() {
    with([](auto& tiers) { return tiers.clear(), 0; });
  }
  /// f(key) for each key of any tier, once; those that come or go meanwhile may be missed.
  void for_each_key(const std::function<void(const std::string& key)>& f) {
    std::unordered_set<std::string> seen;
    for (config::cache_part* const part : {memory_.get(), disk_.get()})
      if (part != nullptr)
        part->for_each(
            [&](const std::string& key, std::uint64_t, duration) {
              if (seen.insert(key).second) f(key);
            },
            {});
  }

  /// Entries, of the tier that has most.
  std::uint64_t size() const { return std::max(memory_ ? memory_->size() : 0, disk_ ? disk_->size() : 0); }
  /// What its entries weigh, in the memory tier where there is one, else on disk.
  std::uint64_t weight() const { return first().weight(); }
  /// Its limit there: bytes, or entries where only `memory.max_entries` is said.
  std::uint64_t capacity() const { return first().capacity(); }
  /// Changes that; entries leave before this returns. Under memory pressure it is the size to grow back to.
  void set_capacity(std::uint64_t n) {
    wanted_.store(n);
    apply_capacity();
  }
  /// A share of that capacity from now on, for as long as memory is short.
  void shrink_to(double share) {
    share_.store(share);
    apply_capacity();
  }

  /// Look-ups and loads of the whole; evictions, expirations, errors and bytes of all tiers together; insertions and refusals of the slowest.
  cache_stats stats() const { return both_ ? whole(*both_) : whole(*one_); }
  void reset_stats() {
    with([](auto& tiers) { return tiers.reset_stats(), 0; });
  }
  cache_metrics metrics() const {
    const cache_stats counted = stats();
    cache_metrics out;
    out.name = name_;
    out.hits = counted.hits;
    out.misses = counted.misses;
    out.hit_rate = counted.hit_rate();
    out.evictions = counted.evictions;
    out.expirations = counted.expirations;
    out.refused = counted.refused;
    out.errors = counted.errors.total();
    out.entries = size();
    if (memory_) {
      const cache_stats of = memory_->stats();
      out.memory_bytes = of.stored_bytes;
      out.memory_overhead = of.overhead_bytes;
      out.memory_capacity = memory_->capacity();
    }
    if (disk_) {
      out.disk_bytes = disk_->weight();
      out.disk_overhead = disk_->stats().overhead_bytes;
      out.disk_capacity = disk_->capacity();
    }
    return out;
  }
  /// Makes what is on disk survive a power cut. Throws `larder::error` when it cannot.
  void flush() {
    if (disk_) disk_->flush();
  }

  /// The tiers themselves; null where there is none.
  config::cache_part* memory_part() const noexcept { return memory_.get(); }
  config::cache_part* disk_part() const noexcept { return disk_.get(); }

 private:
  config::cache_part& first() const noexcept { return memory_ ? *memory_ : *disk_; }
  void apply_capacity() {
    const double share = share_.load();
    const std::uint64_t n = wanted_.load();
    first().set_capacity(share == 1 ? n : static_cast<std::uint64_t>(share * static_cast<double>(n)));
  }
  template <class F>
  std::invoke_result_t<F&, one_tier&> with(F&& f) {
    return both_ ? f(*both_) : f(*one_);
  }
  template <class Tiers>
  static cache_stats whole(const Tiers& tiers) {
    const auto counted = tiers.stats();
    cache_stats all = counted.tiers.back();
    for (std::size_t i = 0; i + 1 < counted.tiers.size(); ++i) {
      const cache_stats& tier = counted.tiers[i];
      all.evictions += tier.evictions;
      all.expirations += tier.expirations;
      all.pinned_bytes += tier.pinned_bytes;
      all.overhead_bytes += tier.overhead_bytes;
      all.stored_bytes += tier.stored_bytes;
      all.logical_bytes += tier.logical_bytes;
      for (std::size_t cause = 0; cause < error_cause_count; ++cause) all.errors.by_cause[cause] += tier.errors.by_cause[cause];
    }
    all.hits = counted.hits;
    all.misses = counted.misses;
    all.loads = counted.loads;
    all.load_failures = counted.load_failures;
    all.load_time = counted.load_time;
    all.joined = counted.joined;
    all.hit_bytes = all.missed_bytes = 0;  // a tier's alone would not be the whole's
    return all;
  }

  std::string name_;
  std::unique_ptr<config::cache_part> memory_, disk_;
  std::atomic<std::uint64_t> wanted_;
  std::atomic<double> share_{1};
  std::unique_ptr<one_tier> one_;
  std::unique_ptr<two_tiers> both_;
};

}  // namespace larder
