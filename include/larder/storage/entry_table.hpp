#pragma once

// The table under every cache that keeps an index: shards of (index, slab, order) behind their locks, one budget over
// all. The key is looked up once per operation with a hash that is computed once; eviction, expiry, weights and pins act on
// the same slot. Nothing of the user's runs in here but key comparison, moves, and the function given to `look_up`.

#include <larder/core/concepts.hpp>
#include <larder/core/slot.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>
#include <larder/limit/budget.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/storage/table_shard.hpp>
#include <larder/sync/thread_counters.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>
#include <vector>

namespace larder::storage {

/// Whether a look-up counts: for the order, for expiry after access and for the statistics.
enum class look : std::uint8_t { use, peek };

/// A claim on a pinned entry. Serial numbers are never used twice, so a claim outlives its entry harmlessly.
struct pin_claim {
  std::size_t shard = 0;
  slot place = no_slot;
  std::uint64_t serial = 0;
};

template <class Spec>
class table_restorer;

template <class Spec>
class entry_table {
 public:
  using shard = table_shard<Spec>;
  using key_view = typename shard::key_view;
  using payload = typename shard::payload;
  using entry = typename shard::entry;
  using request = typename shard::request;
  using removals = typename shard::removals;

  /// `expected` entries in all; `shards` is a power of two.
  entry_table(const Spec& spec, std::size_t shards, std::size_t expected) : spec_(spec), mask_(shards - 1) {
    shards_.reserve(shards);
    const std::size_t each = shards == 1 ? expected : expected / shards + expected / shards / 16 + (expected != 0 ? 64 : 0);
    for (std::size_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<shard>(spec_, budget_, shards, each));
  }
  entry_table(const entry_table&) = delete;
  entry_table& operator=(const entry_table&) = delete;

  auto& budget() noexcept { return budget_; }
  const auto& budget() const noexcept { return budget_; }

  /// f(entry) under the lock when the key is there and alive. An entry that is found too old leaves through `gone`.
  template <class F>
  bool look_up(key_view k, std::uint64_t hash, look how, instant now, removals& gone, F&& f) {
    if constexpr (Spec::synchronized)
      return look_up_beside(k, hash, how, now, gone, f);
    else
      return look_up_alone(k, hash, how, now, gone, f);
  }

  /// Stores or replaces; `make_key()` gives the key to keep when the entry is new.
  template <class MakeKey>
  put_outcome put(key_view k, MakeKey&& make_key, payload&& value, const request& wanted, removals& gone) {
    shard& s = shard_of(wanted.hash);
    s.prefetch(wanted.hash);  // on its way while the lock is taken
    bool first = true;
    do {
      const std::lock_guard lock(s.mutex);
      if (const auto outcome = s.put(k, make_key, value, wanted, gone, first)) return *outcome;
      first = false;
    } while (core::evicts_for_puts<typename Spec::eviction> && make_room(wanted, gone));
    if constexpr (!core::evicts_for_puts<typename Spec::eviction>) {
      s.refuse(wanted.hash);
      return put_outcome::refused;
    }
    // Nobody had anything to evict; but others may have put behind our back. Whether there is room is clear when all wait.
    std::vector<std::unique_lock<typename Spec::mutex>> locks;
    locks.reserve(shards_.size());
    for (auto& each : shards_) locks.emplace_back(each->mutex);
    for (auto& each : shards_)
      while (!budget_.has_room(wanted.size) && each->evict_one(wanted.now, gone, nullptr, &wanted.hash)) {
      }
    if (const auto outcome = s.put(k, make_key, value, wanted, gone, first)) return *outcome;
    s.refuse(wanted.hash);
    return put_outcome::refused;
  }

  /// f(entry) under the exclusive lock when the key is there: for what a storage learned of it. Weights stay as they are.
  template <class F>
  bool update(key_view k, std::uint64_t hash, F&& f) {
    shard& s = shard_of(hash);
    const std::lock_guard lock(s.mutex);
    const slot place = s.find(k, hash);
    if (place == no_slot) return false;
    s.change(place, f);
    return true;
  }

  /// Takes the key out when it is there, `only_if(entry)` agrees and it is alive; a dead one leaves as expired and does not count.
  template <class OnlyIf>
  bool erase(key_view k, std::uint64_t hash, instant now, removal_cause cause, removals& gone, OnlyIf&& only_if) {
    shard& s = shard_of(hash);
    const std::lock_guard lock(s.mutex);
    const slot place = s.find(k, hash);
    if (place == no_slot) return false;
    if (s.expired(place, now)) {
      s.leave(place, removal_cause::expired, gone);
      return false;
    }
    if (!only_if(s[place])) return false;
    s.leave(place, cause, gone);
    return true;
  }

  /// Takes everything out; `deliver(removals&)` after each shard, without its lock.
  template <class Deliver>
  void clear(instant now, Deliver&& deliver) {
    leave_all(deliver, [&](const entry& e) { return spec_.expired(e, now) ? removal_cause::expired : removal_cause::erased; },
              [](const entry&) { return true; });
  }

  /// Takes out what is too old and says how many that were.
  template <class Deliver>
  std::size_t purge_expired(instant now, Deliver&& deliver) {
    return leave_all(deliver, [](const entry&) { return removal_cause::expired; },
                     [&](const entry& e) { return spec_.expired(e, now); });
  }

  /// f(entry) for each living entry, shard by shard under its shared lock; `between()` after each shard, without it.
  template <class F, class Between>
  void snapshot(instant now, F&& f, Between&& between) const {
    for (const auto& s : shards_) {
      {
        const std::shared_lock lock(s->mutex);
        s->for_each([&](const entry& e) {
          if (!spec_.expired(e, now)) f(e);
        });
      }
      between();
    }
  }

  /// Evicts, a shard after the other, until the budget holds again or nothing is left to evict.
  template <class Deliver>
  void shrink(instant now, Deliver&& deliver) {
    for (bool evicted = true; evicted && budget_.over();) {
      evicted = false;
      for (auto& s : shards_) {
        removals gone;
        {
          const std::lock_guard lock(s->mutex);
          if (budget_.over()) evicted = s->evict_one(now, gone) || evicted;
        }
        deliver(gone);
      }
    }
  }

  /// Keeps the key from being evicted until the claim is given back.
  std::optional<pin_claim> pin(key_view k, std::uint64_t hash, instant now) {
    shard& s = shard_of(hash);
    const std::lock_guard lock(s.mutex);
    const slot place = s.find(k, hash);
    if (place == no_slot || s.expired(place, now)) return std::nullopt;
    return pin_claim{hash & mask_, place, s.pin(place)};
  }
  void unpin(const pin_claim& claim) noexcept {
    shard& s = *shards_[claim.shard];
    const std::lock_guard lock(s.mutex);
    s.unpin(claim.place, claim.serial);
  }

  void count_join(std::uint64_t hash) noexcept { shard_of(hash).counters.joined.add(); }
  /// A hit on so many bytes that turned out not to be one: the storage had lost them.
  void hit_was_miss(std::uint64_t bytes) noexcept {
    look_ups_.subtract(hits);
    if constexpr (Spec::counts_bytes) look_ups_.subtract(hit_bytes, bytes);
    look_ups_.add(misses);
  }
  /// A miss that turned out to be a hit: the storage knew an entry that the index did not.
  void miss_was_hit(std::uint64_t bytes) noexcept {
    look_ups_.subtract(misses);
    count_hit(bytes);
  }
  void count_refused(std::uint64_t hash) noexcept { shard_of(hash).refuse(hash); }
  /// A put that was not even tried.
  void count_refused(key_view k, const request& wanted) {
    shard& s = shard_of(wanted.hash);
    s.refuse(wanted.hash);
    const std::lock_guard lock(s.mutex);
    if (s.find(k, wanted.hash) == no_slot) s.count_missed(wanted);
  }

  void add_to(cache_stats& stats) const {
    stats.hits += look_ups_.load(hits);
    stats.misses += look_ups_.load(misses);
    if constexpr (Spec::counts_bytes) stats.hit_bytes += look_ups_.load(hit_bytes);
    [[maybe_unused]] std::vector<eviction_report> reports;
    for (const auto& s : shards_) {
      stats.insertions += s->counters.insertions.load();
      stats.evictions += s->counters.evictions.load();
      stats.expirations += s->counters.expirations.load();
      stats.refused += s->counters.refused.load();
      stats.joined += s->counters.joined.load();
      stats.missed_bytes += s->counters.missed_bytes.load();
      const std::lock_guard lock(s->mutex);
      stats.overhead_bytes += s->overhead();
      if constexpr (shard::describes_itself) reports.push_back(s->describe());
    }
    if constexpr (shard::describes_itself) stats.eviction = in_common(reports);
  }
  void reset_counters() noexcept {
    look_ups_.reset();
    for (auto& s : shards_) {
      const std::lock_guard lock(s->mutex);
      for (auto* c : {&s->counters.insertions, &s->counters.evictions,
                      &s->counters.expirations, &s->counters.refused, &s->counters.joined, &s->counters.missed_bytes})
        c->store(0);
    }
  }

 private:
  friend class table_restorer<Spec>;

  std::size_t shard_number(std::uint64_t hash) const noexcept { return Spec::synchronized ? hash & mask_ : 0; }
  shard& shard_of(std::uint64_t hash) noexcept {
    if constexpr (Spec::synchronized)
      return *shards_[hash & mask_];
    else
      return *shards_.front();
  }

  /// A look-up where nobody else is: so short that all of it is compiled into the caller's loop, and the processor begins with the
  /// next one while this one waits for memory.
  template <class F>
  bool look_up_alone(const key_view& k, std::uint64_t hash, look how, instant now, removals& gone, F& f) {
    shard& s = *shards_.front();
    const auto at = s.locate(k, hash);
    if (!shard::found(at)) {
      if (how == look::use) look_ups_.add(misses);
      return false;
    }
    auto&& e = s.at(at);
    if (spec_.expired(e, now)) {
      if (how == look::use) look_ups_.add(misses);
      drop_expired(s, k, hash, now, gone);
      return false;
    }
    f(e);
    if (how != look::use) return true;
    std::uint64_t bytes = 0;
    if constexpr (Spec::counts_bytes) bytes = e.weight.weights[0];
    if (const std::uint8_t untold = s.use(at, now); untold != 0) tell_of_uses(s, k, hash, shard::slot_of(at), untold);
    count_hit(bytes);
    return true;
  }

  /// The same where others may be at work.
  template <class F>
  bool look_up_beside(const key_view& k, std::uint64_t hash, look how, instant now, removals& gone, F& f) {
    shard& s = shard_of(hash);
    bool too_old = false;
    std::uint8_t untold = 0;
    slot place = no_slot;
    [[maybe_unused]] std::uint64_t bytes = 0;
    const auto see = [&](const auto& e) {
      f(e);
      if constexpr (Spec::counts_bytes) bytes = e.weight.weights[0];
    };
    const auto found = [&] {
      const auto at = s.locate(k, hash);
      if (!shard::found(at)) return false;
      auto&& e = s.at(at);
      too_old = spec_.expired(e, now);
      if (too_old) return false;
      see(e);
      if (how == look::use) untold = s.use(at, now);
      place = shard::slot_of(at);
      return true;
    };
    const auto under_lock = [&]() {
      if (shard::concurrent_uses || how == look::peek) {
        const std::shared_lock lock(s.mutex);
        return found();
      }
      const std::lock_guard lock(s.mutex);
      return found();
    };
    bool hit = false;
    if constexpr (shard::places_type::concurrent_reads) {
      const unlocked_read seen = s.read_unlocked(k, hash, how == look::use, untold, now, see);
      hit = seen == unlocked_read::hit;
      too_old = seen == unlocked_read::too_old;
      if (seen == unlocked_read::busy) hit = under_lock();
    } else {
      hit = under_lock();
    }
    if constexpr (shard::places_type::rations_uses || shard::places_type::tells_of_flagged)
      if (untold != 0) tell_of_uses(s, k, hash, place, untold);
    if (how == look::use) {
      if (hit)
        count_hit(bytes);
      else
        look_ups_.add(misses);
    }
    if (too_old) drop_expired(s, k, hash, now, gone);
    return hit;
  }

  void count_hit([[maybe_unused]] std::uint64_t bytes) noexcept {
    look_ups_.add(hits);
    if constexpr (Spec::counts_bytes) look_ups_.add(hit_bytes, bytes);
  }

  /// Evicts where more is held than a part of the whole, then wherever anything can go, until there is room. False when nothing could.
  bool make_room(const request& wanted, removals& gone) {
    const auto evict_from = [&](shard& s, auto&& gives) {
      bool evicted = false;
      const std::lock_guard lock(s.mutex);
      while (!budget_.has_room(wanted.size) && gives() && s.evict_one(wanted.now, gone, nullptr, &wanted.hash)) evicted = true;
      return evicted;
    };
    bool evicted = false;
    const std::size_t own = wanted.hash & mask_;
    for (std::size_t i = 1; i <= shards_.size(); ++i) {
      shard& s = *shards_[(own + i) & mask_];
      const auto gives = [&] { return s.holds_too_much_beside(wanted.size); };
      if (gives()) evicted = evict_from(s, gives) || evicted;
      if (budget_.has_room(wanted.size)) return true;
    }
    for (auto& s : shards_) {  // what is pinned cannot go, so the others must give more
      evicted = evict_from(*s, [] { return true; }) || evicted;
      if (budget_.has_room(wanted.size)) return true;
    }
    return evicted;
  }

  /// Uses of which the order hears at once, under the exclusive lock.
  [[gnu::noinline]] void tell_of_uses(shard& s, key_view k, std::uint64_t hash, slot place, std::uint8_t uses) {
    if constexpr (Spec::synchronized) {
      const std::lock_guard lock(s.mutex);
      place = s.find(k, hash);  // whoever was there may have left meanwhile
      if (place != no_slot) s.tell_of(place, uses);
    } else {
      s.tell_of(place, uses);
    }
  }
  [[gnu::noinline]] void drop_expired(shard& s, key_view k, std::uint64_t hash, instant now, removals& gone) {
    const std::lock_guard lock(s.mutex);
    const slot place = s.find(k, hash);
    if (place != no_slot && s.expired(place, now)) s.leave(place, removal_cause::expired, gone);
  }

  template <class Deliver, class Cause, class Which>
  std::size_t leave_all(Deliver& deliver, Cause&& cause, Which&& which) {
    std::size_t left = 0;
    for (auto& s : shards_) {
      removals gone;
      {
        const std::lock_guard lock(s->mutex);
        left += s->leave_all(cause, which, gone);
      }
      deliver(gone);
    }
    return left;
  }

  enum look_up_counts : std::size_t { hits, misses, hit_bytes };

  const Spec& spec_;
  std::size_t mask_;
  sync::thread_counters<Spec::synchronized, Spec::counts_bytes ? 3 : 2> look_ups_;
  core::budget<Spec::synchronized, Spec::dimensions> budget_;
  std::vector<std::unique_ptr<shard>> shards_;
};

}  // namespace larder::storage
