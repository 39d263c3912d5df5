#pragma once

#include <larder/config/cache_metrics.hpp>
#include <larder/config/cache_part.hpp>
#include <larder/config/managed_cache.hpp>
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

namespace larder::config {

/// A managed cache of one part, or of two as tiers. A template, so that only who makes one compiles the tiers: `Part` is `cache_part`.
template <class Part>
class named_cache final : public managed_cache {
  using write_through_part = tier<Part, tier_mode::write_through>;
  using one_tier = tiered<write_through_part>;
  using two_tiers = tiered<write_through_part, write_through_part>;

 public:
  /// At least one of the parts.
  named_cache(std::string name, std::unique_ptr<Part> memory, std::unique_ptr<Part> disk)
      : name_(std::move(name)), memory_(std::move(memory)), disk_(std::move(disk)), wanted_(first().capacity()) {
    if (memory_ && disk_)
      both_ = std::make_unique<two_tiers>(*memory_, *disk_);
    else
      one_ = std::make_unique<one_tier>(first());
  }

  const std::string& name() const noexcept override { return name_; }

  std::optional<bytes> get(std::string_view key) override {
    return with([&](auto& tiers) { return tiers.get(key); });
  }
  std::optional<bytes> peek(std::string_view key) override {
    return with([&](auto& tiers) { return tiers.peek(key); });
  }
  bool contains(std::string_view key) override {
    return with([&](auto& tiers) { return tiers.contains(key); });
  }
  bool put(std::string_view key, bytes value) override {
    return with([&](auto& tiers) { return tiers.put(key, std::move(value)); });
  }
  bool put(std::string_view key, bytes value, duration time_to_live) override {
    return with([&](auto& tiers) { return tiers.put(key, std::move(value), time_to_live); });
  }
  bool put_if_absent(std::string_view key, bytes value) override {
    return with([&](auto& tiers) { return tiers.put_if_absent(key, std::move(value)); });
  }
  bytes get_or_load(std::string_view key, const std::function<bytes(const std::string& key)>& loader,
                    const std::stop_token& stop) override {
    return with([&](auto& tiers) { return tiers.get_or_load(key, loader, stop); });
  }
  bool remove(std::string_view key) override {
    return with([&](auto& tiers) { return tiers.erase(key); });
  }
  void clear() override {
    with([](auto& tiers) { return tiers.clear(), 0; });
  }
  void for_each_key(const std::function<void(const std::string& key)>& f) override {
    std::unordered_set<std::string> seen;
    for (Part* const part : {memory_.get(), disk_.get()})
      if (part != nullptr)
        part->for_each(
            [&](const std::string& key, std::uint64_t, duration) {
              if (seen.insert(key).second) f(key);
            },
            {});
  }

  std::uint64_t size() const override { return std::max(memory_ ? memory_->size() : 0, disk_ ? disk_->size() : 0); }
  std::uint64_t weight() const override { return first().weight(); }
  std::uint64_t capacity() const override { return first().capacity(); }
  void set_capacity(std::uint64_t n) override {
    wanted_.store(n);
    apply_capacity();
  }
  void shrink_to(double share) override {
    share_.store(share);
    apply_capacity();
  }

  cache_stats stats() const override { return both_ ? whole(*both_) : whole(*one_); }
  void reset_stats() override {
    with([](auto& tiers) { return tiers.reset_stats(), 0; });
  }
  cache_metrics metrics() const override {
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
  void flush() override {
    if (disk_) disk_->flush();
  }

  cache_part* memory_part() const noexcept override { return memory_.get(); }
  cache_part* disk_part() const noexcept override { return disk_.get(); }

 private:
  Part& first() const noexcept { return memory_ ? *memory_ : *disk_; }
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
  std::unique_ptr<Part> memory_, disk_;
  std::atomic<std::uint64_t> wanted_;
  std::atomic<double> share_{1};
  std::unique_ptr<one_tier> one_;
  std::unique_ptr<two_tiers> both_;
};

}  // namespace larder::config
