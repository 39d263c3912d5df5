#pragma once

#include <larder/core/decimal_text.hpp>
#include <larder/core/eviction_report.hpp>
#include <larder/eviction/ghost_memory.hpp>
#include <larder/eviction/rule_contest.hpp>
#include <larder/eviction/shadow_caches.hpp>
#include <larder/eviction/two_queues.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace larder::eviction {

/// The behaviours that `adaptive` chooses from, each on a shadow cache of its own, and which of them suits the requests.
/// The shadows see only keys whose hashes end in so many zeros that 256 to 512 of them are in the cache (all keys of a smaller
/// one), and hold as many: half or twice as many choose as well on the traces that were tried. 130 KB at most in all. Any number
/// of threads may call it at once: a hit that meets another in here is not seen.
template <class Memory = ghost_memory>
class rule_trial {
 public:
  /// The share for newcomers tells most of them apart: a hundredth, as LIRS has, holds on to what returns; a third gives newcomers
  /// the time to be used twice; three quarters, nearly as long as LRU gives, but whose uses are over leaves sooner. A tenth, between
  /// the first two, gained 0.0005.
  static constexpr std::array<queue_rule, 5> rules{{
      {.name = "lirs", .newcomers = 0.01, .uses_to_stay = 1, .return_span = 2},
      {.name = "s3_fifo", .newcomers = 0.3, .uses_to_stay = 2, .return_span = 1},
      {.name = "2q", .newcomers = 0.75, .uses_to_stay = 1, .return_span = 1, .uses_buy_rounds = false},
      {.name = "lru", .newcomers = 0.6, .uses_to_stay = 1, .return_span = 0, .by_recency = true},
      // A set that is renewed at a rate of one in 32 misses: what a loop or an epoch loses by that is as small.
      {.name = "epoch_pin", .newcomers = 0.01, .uses_to_stay = 1, .return_span = 0, .one_in = 32},
  }};

  rule_trial() noexcept : shadows_(rules) {}

  /// The rule to follow.
  const queue_rule& rule() const noexcept { return rules[leader_.load(std::memory_order_relaxed)]; }

  bool samples(std::uint32_t print) const noexcept { return (print & unsampled_.load(std::memory_order_relaxed)) == 0; }

  /// A sampled key was asked for and not found, in a cache of this capacity (0: not full yet).
  void on_miss(std::uint32_t print, std::size_t capacity) noexcept {
    const std::lock_guard hold(lock_);
    capacity_ = capacity;
    request(print);
  }
  void on_hit(std::uint32_t print) noexcept {
    if (!lock_.try_lock()) return;
    const std::lock_guard hold(lock_, std::adopt_lock);
    request(print);
  }

  std::size_t memory() const noexcept {
    const std::lock_guard hold(lock_);
    return shadows_.memory();
  }

  eviction_report report() const {
    const contest results = copy_of_results();
    const std::size_t leader = results.leader();
    eviction_report result;
    result.behaves_as = rules[leader].name;
    result.switches = results.changes();
    result.sampled_share = 1 / (static_cast<double>(unsampled_.load(std::memory_order_relaxed)) + 1);
    for (std::size_t i = 0; i < rules.size(); ++i) result.candidates.push_back({rules[i].name, results.hit_ratio(i)});
    if (results.requests() == 0) {
      result.reason = "nothing had to be evicted so far";
      return result;
    }
    const auto percent = [&](std::size_t rule) { return core::decimal_text(100 * results.hit_ratio(rule), 1) + " %"; };
    result.reason = "of the last " + core::decimal_text(results.requests(), 0) + " sampled requests, behaving as " +
                    std::string(rules[leader].name) + " would have hit " + percent(leader);
    for (std::size_t i = 0; i < rules.size(); ++i)
      if (i != leader) result.reason += ", as " + std::string(rules[i].name) + " " + percent(i);
    return result;
  }

 private:
  using contest = rule_contest<rules.size()>;
  static constexpr std::size_t most_sampled = 512;
  /// A look back over eight times the shadow's size: a change needs about one to have its effect.
  static constexpr double horizon_sizes = 8;
  static constexpr double shortest_horizon = 500;
  /// A change of a rule rearranges the difference of the newcomers' shares; of the entries that leave by that, one in ten
  /// is taken to have been worth a hit.
  static constexpr double hits_per_entry_moved = 1.0 / 10;

  class spin_lock {
   public:
    bool try_lock() noexcept { return !taken_.test_and_set(std::memory_order_acquire); }
    void lock() noexcept {
      while (!try_lock()) {
      }
    }
    void unlock() noexcept { taken_.clear(std::memory_order_release); }

   private:
    std::atomic_flag taken_ = ATOMIC_FLAG_INIT;
  };

  contest copy_of_results() const noexcept {
    const std::lock_guard hold(lock_);
    return contest_;
  }

  void request(std::uint32_t print) noexcept {
    const std::uint32_t before = unsampled_.load(std::memory_order_relaxed);
    const std::uint32_t unsampled = sample(before);
    if ((print & unsampled) != 0) return;
    const std::size_t room = capacity_ == 0 ? most_sampled : std::max<std::size_t>(capacity_ / (unsampled + std::size_t{1}), 1);
    const auto hits = shadows_.request(print, room);
    if (capacity_ == 0) return;
    const auto entries = static_cast<double>(room);
    contest_.add(hits, std::max(shortest_horizon, horizon_sizes * entries), [&](std::size_t from, std::size_t to) {
      const double moved = rules[from].newcomers - rules[to].newcomers;
      return std::max(moved, -moved) * entries * hits_per_entry_moved;
    });
    leader_.store(contest_.leader(), std::memory_order_relaxed);
  }

  /// Which bits of the hash must be zero.
  std::uint32_t sample(std::uint32_t unsampled) noexcept {
    const std::uint32_t before = unsampled;
    const auto entries = [&] { return capacity_ == 0 ? shadows_.size(0) + 1 : capacity_ / (unsampled + std::size_t{1}); };
    while (entries() > most_sampled && unsampled < most_unsampled) {
      unsampled = 2 * unsampled + 1;
      shadows_.keep_without(unsampled);
    }
    while (capacity_ != 0 && unsampled != 0 && entries() < most_sampled / 4) unsampled /= 2;
    if (unsampled != before) unsampled_.store(unsampled, std::memory_order_relaxed);
    return unsampled;
  }
  static constexpr std::uint32_t most_unsampled = (1U << 24) - 1;

  mutable spin_lock lock_;
  std::atomic<std::size_t> leader_{0};
  std::atomic<std::uint32_t> unsampled_{0};  // bits that are zero in the hashes of sampled keys
  std::size_t capacity_ = 0;                 // at the last sampled miss
  shadow_caches<rules.size(), Memory> shadows_;
  contest contest_;
};

}  // namespace larder::eviction
