#pragma once

#include <larder/config/cache_metrics.hpp>
#include <larder/config/cache_part.hpp>
#include <larder/config/managed_cache.hpp>
#include <larder/config/managed_figures.hpp>
#include <larder/config/timed_load.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/observe/latency_recorder.hpp>
#include <larder/sync/write_back_options.hpp>
#include <larder/tier.hpp>
#include <larder/tiered.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>

namespace larder::config {

/// The parts of a named cache; memory, disk, or both.
template <class Part>
struct named_parts {
  std::unique_ptr<Part> memory{};
  std::unique_ptr<Part> disk{};
  std::unique_ptr<Part> remote{};
  tier_mode remote_mode = tier_mode::write_through;
  write_back_options owed{};
  std::uint32_t timed_every = 0;  ///< one of so many gets and puts is timed; 0: nothing is
};

/// A managed cache of one part, or of several as tiers. A template, so that only who makes one compiles the tiers: `Part` is `cache_part`.
template <class Part>
class named_cache final : public managed_cache {
  using here = tier<Part, tier_mode::write_through>;
  using later = tier<Part, tier_mode::write_back>;
  using read = tier<Part, tier_mode::read_only>;
  template <class... Tiers>
  using owned = std::unique_ptr<tiered<Tiers...>>;
  using any_tiers = std::variant<owned<here>, owned<here, here>, owned<here, here, here>, owned<here, later>,
                                 owned<here, here, later>, owned<here, read>, owned<here, here, read>>;

 public:
  named_cache(std::string name, named_parts<Part> parts)
      : name_(std::move(name)), parts_(std::move(parts)), wanted_(first().capacity()), tiers_(make_tiers()) {
    if (parts_.timed_every != 0) latency_ = std::make_unique<timed_load::recorder>(parts_.timed_every);
  }

  const std::string& name() const noexcept override { return name_; }

  std::optional<bytes> get(std::string_view key) override {
    return timed(observe::timed::get, [&](auto& tiers) { return tiers.get(key); });
  }
  std::optional<bytes> peek(std::string_view key) override {
    return with([&](auto& tiers) { return tiers.peek(key); });
  }
  bool contains(std::string_view key) override {
    return with([&](auto& tiers) { return tiers.contains(key); });
  }
  bool put(std::string_view key, bytes value) override {
    return timed(observe::timed::put, [&](auto& tiers) { return tiers.put(key, std::move(value)); });
  }
  bool put(std::string_view key, bytes value, duration time_to_live) override {
    return timed(observe::timed::put, [&](auto& tiers) { return tiers.put(key, std::move(value), time_to_live); });
  }
  bool put_if_absent(std::string_view key, bytes value) override {
    return timed(observe::timed::put, [&](auto& tiers) { return tiers.put_if_absent(key, std::move(value)); });
  }
  bytes get_or_load(std::string_view key, const std::function<bytes(const std::string& key)>& loader,
                    const std::stop_token& stop) override {
    const auto ask = [&](const std::function<bytes(const std::string&)>& by) {
      return with([&](auto& tiers) { return tiers.get_or_load(key, by, stop); });
    };
    if (!latency_) return ask(loader);
    timed_load stretches(*latency_);
    bytes found = ask([&](const std::string& wanted) { return stretches.load([&] { return loader(wanted); }); });
    stretches.end();
    return found;
  }
  bool remove(std::string_view key) override {
    return with([&](auto& tiers) { return tiers.erase(key); });
  }
  void clear() override {
    with([](auto& tiers) { return tiers.clear(), 0; });
  }
  void for_each_key(const std::function<void(const std::string& key)>& f) override {
    std::unordered_set<std::string> seen;
    for (Part* const part : {parts_.memory.get(), parts_.disk.get()})
      if (part != nullptr)
        part->for_each(
            [&](const std::string& key, std::uint64_t, duration) {
              if (seen.insert(key).second) f(key);
            },
            {});
  }

  std::uint64_t size() const override {
    return std::max(parts_.memory ? parts_.memory->size() : 0, parts_.disk ? parts_.disk->size() : 0);
  }
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

  cache_stats stats() const override {
    return std::visit([&](const auto& tiers) { return whole(tiers->stats()); }, tiers_);
  }
  void reset_stats() override {
    with([](auto& tiers) { return tiers.reset_stats(), 0; });
    if (latency_) latency_->reset();
  }
  managed_figures figures() const override {
    managed_figures out;
    std::visit([&](const auto& tiers) { show(tiers->stats(), out); }, tiers_);
    out.entries = size();
    if (latency_) out.latency = latency_->report();
    return out;
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
    if (parts_.memory) {
      const cache_stats of = parts_.memory->stats();
      out.memory_bytes = of.stored_bytes;
      out.memory_overhead = of.overhead_bytes;
      out.memory_capacity = parts_.memory->capacity();
    }
    if (parts_.disk) {
      out.disk_bytes = parts_.disk->weight();
      out.disk_overhead = parts_.disk->stats().overhead_bytes;
      out.disk_capacity = parts_.disk->capacity();
    }
    if (parts_.remote) {
      const cache_stats of = parts_.remote->stats();
      out.remote_hits = of.hits;
      out.remote_misses = of.misses;
      out.remote_errors = of.errors.total();
      out.remote_owed = std::visit([](const auto& tiers) { return tiers->stats().owed_bytes; }, tiers_);
      out.remote = of.remote;
    }
    return out;
  }
  void flush() override {
    if (parts_.disk) parts_.disk->flush();
    if (!with([](auto& tiers) { return tiers.flush(); }))
      core::fail(error_cause::timeout,
                 "the cache \"" + name_ + "\" still owes its remote tier values after five seconds; is the store up?");
  }

  cache_part* memory_part() const noexcept override { return parts_.memory.get(); }
  cache_part* disk_part() const noexcept override { return parts_.disk.get(); }
  cache_part* remote_part() const noexcept override { return parts_.remote.get(); }

 private:
  Part& first() const noexcept { return parts_.memory ? *parts_.memory : *parts_.disk; }

  any_tiers make_tiers() {
    if (!parts_.remote) {
      if (parts_.memory && parts_.disk) return std::make_unique<tiered<here, here>>(*parts_.memory, *parts_.disk);
      return std::make_unique<tiered<here>>(first());
    }
    if (parts_.remote_mode == tier_mode::write_back) return before(write_back(*parts_.remote, parts_.owed));
    if (parts_.remote_mode == tier_mode::read_only) return before(read_only(*parts_.remote));
    return before(write_through(*parts_.remote));
  }
  template <class Remote>
  any_tiers before(Remote remote) {
    if (parts_.memory && parts_.disk)
      return std::make_unique<tiered<here, here, Remote>>(*parts_.memory, *parts_.disk, std::move(remote));
    return std::make_unique<tiered<here, Remote>>(first(), std::move(remote));
  }

  void apply_capacity() {
    const double share = share_.load();
    const std::uint64_t n = wanted_.load();
    const std::uint64_t least = std::min<std::uint64_t>(n, 1);  // a quarter of three entries is one, not none
    first().set_capacity(share == 1 ? n : std::max(least, static_cast<std::uint64_t>(share * static_cast<double>(n))));
  }
  template <class F>
  auto with(F&& f) {
    return std::visit([&](auto& tiers) { return f(*tiers); }, tiers_);
  }
  template <class F>
  auto timed(observe::timed what, F&& f) {
    if (!latency_ || !latency_->takes_turn()) return with(f);
    const auto began = timed_load::recorder::clock::now();
    auto result = with(f);
    latency_->end(what, began);
    return result;
  }
  template <class Counted>
  void show(const Counted& counted, managed_figures& out) const {
    static_cast<tiered_counts&>(out) = counted;
    const std::array kinds{std::pair("memory", parts_.memory.get()), std::pair("disk", parts_.disk.get()),
                           std::pair("remote", parts_.remote.get())};
    for (const auto& [kind, part] : kinds)  // in the order of make_tiers
      if (part != nullptr) out.tiers.push_back({kind, counted[out.tiers.size()], part->extent()});
  }
  template <class Counted>
  cache_stats whole(const Counted& counted) const {
    const std::size_t last = counted.size() - 1;
    const std::size_t slowest = parts_.remote && parts_.remote_mode == tier_mode::read_only ? last - 1 : last;  // that is written
    cache_stats all = counted[slowest];
    for (std::size_t i = 0; i <= last; ++i) {
      if (i == slowest) continue;
      const cache_stats& tier = counted[i];
      all.evictions += tier.evictions;
      all.expirations += tier.expirations;
      all.pinned_bytes += tier.pinned_bytes;
      all.overhead_bytes += tier.overhead_bytes;
      all.stored_bytes += tier.stored_bytes;
      all.logical_bytes += tier.logical_bytes;
      for (std::size_t cause = 0; cause < error_cause_count; ++cause) all.errors.by_cause[cause] += tier.errors.by_cause[cause];
    }
    all.remote = counted[last].remote;
    all.hits = counted.hits;
    all.misses = counted.misses;
    all.loads = counted.loads;
    all.load_failures = counted.load_failures;
    all.load_time = counted.load_time;
    all.joined = counted.joined;
    all.hit_bytes = all.missed_bytes = 0;  // a tier's alone would not be the whole's
    if (latency_) {
      all.latency = latency_->report();
      all.overhead_bytes += sizeof(timed_load::recorder);
    }
    return all;
  }

  std::string name_;
  named_parts<Part> parts_;
  std::atomic<std::uint64_t> wanted_;
  std::atomic<double> share_{1};
  std::unique_ptr<timed_load::recorder> latency_;  // null: nothing is timed
  any_tiers tiers_;                                // last: what they owe they write to the parts
};

}  // namespace larder::config
