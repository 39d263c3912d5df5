#pragma once

// The table under every cache that keeps an index: shards of (index, slab, order) behind their locks, one budget over
// all. The key is looked up once per operation with a hash that is computed once; eviction, expiry, weights and pins act on
// the same slot. Nothing of the user's runs in here but key comparison, moves, and the function given to `look_up`.

#include <larder/core/concepts.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/core/slot.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>
#include <larder/limit/budget.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/storage/removal_queue.hpp>
#include <larder/storage/slot_index.hpp>
#include <larder/storage/slot_slab.hpp>
#include <larder/storage/table_entry.hpp>
#include <larder/sync/counter.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::storage {

/// Whether a look-up counts: for the order, for expiry after access and for the statistics.
enum class look : std::uint8_t { use, peek };

enum class put_outcome : std::uint8_t { stored, present, refused };

/// A claim on a pinned entry. Serial numbers are never used twice, so a claim outlives its entry harmlessly.
struct pin_claim {
  std::size_t shard = 0;
  slot place = no_slot;
  std::uint64_t serial = 0;
};

template <class Spec>
class entry_table {
 public:
  using key = typename Spec::key;
  using key_view = typename Spec::key_view;
  using payload = typename Spec::payload;
  using entry = table_entry<Spec>;
  /// What is kept of the key of an entry that left: nothing where nobody is told of it.
  static constexpr bool names_removed = !requires { requires !Spec::names_removed; };
  using removed_key = std::conditional_t<names_removed, key, core::none>;
  using removals = removal_queue<removed_key, payload>;
  using sizes = core::amounts<Spec::dimensions>;

  /// All that is known of an entry before it is stored.
  struct put_request {
    std::uint64_t hash;
    sizes size;
    std::uint64_t order_weight;  ///< for `entry_info`
    instant now{0};
    instant written{0};
    instant accessed{0};
    instant expires = no_deadline;
    bool only_if_absent = false;
  };

  /// `expected` entries in all; `shards` is a power of two.
  entry_table(const Spec& spec, std::size_t shards, std::size_t expected) : spec_(spec), mask_(shards - 1) {
    shards_.reserve(shards);
    const std::size_t each = shards == 1 ? expected : expected / shards + expected / shards / 8 + (expected != 0 ? 64 : 0);
    for (std::size_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<shard>(spec_, each));
  }
  entry_table(const entry_table&) = delete;
  entry_table& operator=(const entry_table&) = delete;
  ~entry_table() {
    for (auto& s : shards_)
      s->index.for_each([&](slot place) { s->slab.destroy(place); });
  }

  core::budget<Spec::synchronized, Spec::dimensions>& budget() noexcept { return budget_; }
  const core::budget<Spec::synchronized, Spec::dimensions>& budget() const noexcept { return budget_; }
  std::size_t shards() const noexcept { return shards_.size(); }

  /// f(entry) under the lock when the key is there and alive. An entry that is found too old leaves through `gone`.
  template <class F>
  bool look_up(key_view k, std::uint64_t hash, look how, instant now, removals& gone, F&& f) {
    shard& s = shard_of(hash);
    bool too_old = false;
    const auto found = [&] {
      const slot place = find(s, k, hash);
      if (place == no_slot) return false;
      entry& e = s.slab[place];
      if (spec_.expired(e, now)) {
        too_old = true;
        return false;
      }
      f(e);
      if (how == look::use) {
        if constexpr (Spec::keeps_accessed) e.accessed.accessed.store(now.count(), std::memory_order_relaxed);
        if (s.pins.empty() || !s.pins.contains(place)) s.order.on_hit(place);
      }
      return true;
    };
    bool hit = false;
    if (core::has_concurrent_hits<typename Spec::eviction> || how == look::peek) {
      const std::shared_lock lock(s.mutex);
      hit = found();
    } else {
      const std::lock_guard lock(s.mutex);
      hit = found();
    }
    if (how == look::use) (hit ? s.counters.hits : s.counters.misses).add();
    if (too_old) drop_expired(s, k, hash, now, gone);
    return hit;
  }

  /// Stores or replaces; `make_key()` gives the key to keep when the entry is new.
  template <class MakeKey>
  put_outcome put(key_view k, MakeKey&& make_key, payload&& value, const put_request& request, removals& gone) {
    shard& s = shard_of(request.hash);
    do {
      const std::lock_guard lock(s.mutex);
      if (const auto outcome = try_put(s, k, make_key, value, request, gone)) return *outcome;
    } while (evict_elsewhere(&s, request, gone));
    // Nobody had anything to evict; but others may have put behind our back. Whether there is room is clear when all wait.
    std::vector<std::unique_lock<typename Spec::mutex>> locks;
    locks.reserve(shards_.size());
    for (auto& each : shards_) locks.emplace_back(each->mutex);
    for (auto& each : shards_)
      while (!budget_.has_room(request.size) && evict_one(*each, request.now, gone)) {
      }
    if (const auto outcome = try_put(s, k, make_key, value, request, gone)) return *outcome;
    s.counters.refused.add();
    return put_outcome::refused;
  }

  /// f(entry) under the exclusive lock when the key is there: for what a storage learned of it. Weights stay as they are.
  template <class F>
  bool update(key_view k, std::uint64_t hash, F&& f) {
    shard& s = shard_of(hash);
    const std::lock_guard lock(s.mutex);
    const slot place = find(s, k, hash);
    if (place == no_slot) return false;
    f(s.slab[place]);
    return true;
  }

  /// Takes the key out when it is there, `only_if(entry)` agrees and it is alive; a dead one leaves as expired and does not count.
  template <class OnlyIf>
  bool erase(key_view k, std::uint64_t hash, instant now, removal_cause cause, removals& gone, OnlyIf&& only_if) {
    shard& s = shard_of(hash);
    const std::lock_guard lock(s.mutex);
    const slot place = find(s, k, hash);
    if (place == no_slot) return false;
    if (spec_.expired(s.slab[place], now)) {
      leave(s, place, removal_cause::expired, gone);
      return false;
    }
    if (!only_if(s.slab[place])) return false;
    leave(s, place, cause, gone);
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
        s->index.for_each([&](slot place) {
          const entry& e = s->slab[place];
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
          if (budget_.over()) evicted = evict_one(*s, now, gone) || evicted;
        }
        deliver(gone);
      }
    }
  }

  /// Keeps the key from being evicted until the claim is given back.
  std::optional<pin_claim> pin(key_view k, std::uint64_t hash, instant now) {
    shard& s = shard_of(hash);
    const std::lock_guard lock(s.mutex);
    const slot place = find(s, k, hash);
    if (place == no_slot || spec_.expired(s.slab[place], now)) return std::nullopt;
    const auto [at, first] = s.pins.try_emplace(place, pin_count{0, s.next_serial});
    if (first) {
      ++s.next_serial;
      s.order.on_erase(place);
    }
    ++at->second.holders;
    return pin_claim{hash & mask_, place, at->second.serial};
  }
  void unpin(const pin_claim& claim) noexcept {
    shard& s = *shards_[claim.shard];
    const std::lock_guard lock(s.mutex);
    const auto at = s.pins.find(claim.place);
    if (at == s.pins.end() || at->second.serial != claim.serial || --at->second.holders != 0) return;
    s.pins.erase(at);
    entry& e = s.slab[claim.place];
    e.renew_state();
    s.order.on_insert(claim.place, {e.hash, spec_.order_weight(e)});
  }

  void count_join(std::uint64_t hash) noexcept { shard_of(hash).counters.joined.add(); }
  /// A hit that turned out not to be one: the storage had lost the bytes.
  void hit_was_miss(std::uint64_t hash) noexcept {
    shard_of(hash).counters.hits.subtract(1);
    shard_of(hash).counters.misses.add();
  }
  /// A miss that turned out to be a hit: the storage knew an entry that the index did not.
  void miss_was_hit(std::uint64_t hash) noexcept {
    shard_of(hash).counters.misses.subtract(1);
    shard_of(hash).counters.hits.add();
  }
  void count_refused(std::uint64_t hash) noexcept { shard_of(hash).counters.refused.add(); }

  void add_to(cache_stats& stats) const {
    for (const auto& s : shards_) {
      stats.hits += s->counters.hits.load();
      stats.misses += s->counters.misses.load();
      stats.insertions += s->counters.insertions.load();
      stats.evictions += s->counters.evictions.load();
      stats.expirations += s->counters.expirations.load();
      stats.refused += s->counters.refused.load();
      stats.joined += s->counters.joined.load();
      const std::shared_lock lock(s->mutex);
      stats.overhead_bytes += s->index.memory() + s->slab.memory() - s->index.size() * (sizeof(key) + sizeof(payload));
    }
  }
  void reset_counters() noexcept {
    for (auto& s : shards_)
      for (auto* c : {&s->counters.hits, &s->counters.misses, &s->counters.insertions, &s->counters.evictions,
                      &s->counters.expirations, &s->counters.refused, &s->counters.joined})
        c->store(0);
  }

 private:
  using slab_type = slot_slab<entry>;
  using states = order_states<slab_type>;
  using order_type = typename Spec::eviction::template order<states>;
  using count = sync::counter<Spec::synchronized>;

  struct counters_type {
    count hits, misses, insertions, evictions, expirations, refused, joined;
  };
  struct pin_count {
    std::uint32_t holders;
    std::uint64_t serial;
  };
  struct alignas(64) shard {
    shard(const Spec& spec, std::size_t expected)
        : index(expected), slab(expected), handle(slab), order(make_order<order_type>(spec.eviction_policy, handle)) {}
    mutable typename Spec::mutex mutex;
    slot_index index;
    slab_type slab;
    states handle;
    order_type order;
    std::unordered_map<slot, pin_count> pins;
    std::uint64_t next_serial = 1;
    counters_type counters;
  };

  shard& shard_of(std::uint64_t hash) noexcept { return *shards_[hash & mask_]; }

  static slot find(const shard& s, const key_view& k, std::uint64_t hash) {
    return s.index.find(hash, [&](slot place) { return s.slab[place].key == k; });
  }
  static sizes size_of(const entry& e) noexcept {
    sizes size{};
    size[0] = 1;
    if constexpr (Spec::dimensions > 1)
      for (std::size_t d = 1; d < Spec::dimensions; ++d) size[d] = e.weight.weights[d - 1];
    return size;
  }
  static void set_size(entry& e, const sizes& size) noexcept {
    if constexpr (Spec::dimensions > 1)
      for (std::size_t d = 1; d < Spec::dimensions; ++d) e.weight.weights[d - 1] = size[d];
  }
  static void stamp(entry& e, const put_request& request) noexcept {
    if constexpr (Spec::keeps_written) e.written.written = request.written;
    if constexpr (Spec::keeps_accessed) e.accessed.accessed.store(request.accessed.count(), std::memory_order_relaxed);
    if constexpr (Spec::keeps_expires) e.expires.expires = request.expires;
  }

  /// A put within one shard, under its lock; nothing when the room would have to come from the others.
  template <class MakeKey>
  std::optional<put_outcome> try_put(shard& s, key_view k, MakeKey& make_key, payload& value, const put_request& request, removals& gone) {
    slot place = find(s, k, request.hash);
    if (place != no_slot && spec_.expired(s.slab[place], request.now)) {
      leave(s, place, removal_cause::expired, gone);
      place = no_slot;
    }
    if (place != no_slot && request.only_if_absent) return put_outcome::present;
    if (!budget_.fits_alone(request.size)) {
      // What the key had is no longer its value, so it goes as well.
      if (place != no_slot) leave(s, place, removal_cause::replaced, gone);
      s.counters.refused.add();
      return put_outcome::refused;
    }
    if (place != no_slot) {
      if (replace(s, place, std::move(value), request, gone)) return put_outcome::stored;
    } else if (take_room(s, request, gone)) {
      insert(s, make_key, std::move(value), request);
      return put_outcome::stored;
    }
    return std::nullopt;
  }

  template <class MakeKey>
  void insert(shard& s, MakeKey& make_key, payload&& value, const put_request& request) {
    slot place = no_slot;
    try {
      place = s.slab.emplace(make_key(), std::move(value), request.hash);
      s.index.insert(request.hash, place);
    } catch (...) {
      if (place != no_slot) s.slab.destroy(place);
      budget_.give_back(request.size);
      throw;
    }
    entry& e = s.slab[place];
    set_size(e, request.size);
    stamp(e, request);
    s.order.on_insert(place, {request.hash, request.order_weight});
    s.counters.insertions.add();
  }

  /// In place, so that slot and pins stay. False when there was no room in this shard: the old entry is gone then.
  bool replace(shard& s, slot place, payload&& value, const put_request& request, removals& gone) {
    entry& e = s.slab[place];
    removed_key name = name_of(e);  // copied before anything changes: a copy may throw
    const bool pinned = s.pins.contains(place);
    if (!pinned) s.order.on_erase(place);
    budget_.give_back(size_of(e));
    if (!take_room(s, request, gone)) {
      forget(s, place, removal_cause::replaced, gone);
      return false;
    }
    if constexpr (Spec::collects_removed) collect(gone, std::move(name), std::move(e.payload), removal_cause::replaced);
    if constexpr (std::is_nothrow_move_constructible_v<payload>) {  // the value may have no assignment
      std::destroy_at(&e.payload);
      std::construct_at(&e.payload, std::move(value));
    } else {
      e.payload = std::move(value);
    }
    set_size(e, request.size);
    stamp(e, request);
    if (!pinned) {
      e.renew_state();
      s.order.on_insert(place, {request.hash, request.order_weight});
    }
    s.counters.insertions.add();
    return true;
  }

  bool take_room(shard& s, const put_request& request, removals& gone) {
    if constexpr (Spec::has_watermark) {
      const sizes bounds = budget_.marks(spec_.mark, request.size);
      while (budget_.passes(bounds, request.size) && evict_one(s, request.now, gone)) {
      }
    }
    while (!budget_.take(request.size))
      if (!evict_one(s, request.now, gone)) return false;
    return true;
  }

  bool evict_one(shard& s, instant now, removals& gone) {
    const slot place = s.order.victim();
    if (place == no_slot) return false;
    entry& e = s.slab[place];
    const removal_cause cause = spec_.expired(e, now) ? removal_cause::expired : removal_cause::evicted;
    s.order.on_evict(place, {e.hash, spec_.order_weight(e)});
    budget_.give_back(size_of(e));
    forget(s, place, cause, gone);
    return true;
  }

  /// The own shard has nothing left to evict: one eviction round in the others. False when they have nothing either.
  bool evict_elsewhere(const shard* own, const put_request& request, removals& gone) {
    bool evicted = false;
    for (auto& s : shards_) {
      if (s.get() == own) continue;
      const std::lock_guard lock(s->mutex);
      while (!budget_.has_room(request.size)) {
        if (!evict_one(*s, request.now, gone)) break;
        evicted = true;
      }
      if (budget_.has_room(request.size)) return true;
    }
    return evicted;
  }

  void drop_expired(shard& s, const key_view& k, std::uint64_t hash, instant now, removals& gone) {
    const std::lock_guard lock(s.mutex);
    const slot place = find(s, k, hash);
    if (place != no_slot && spec_.expired(s.slab[place], now)) leave(s, place, removal_cause::expired, gone);
  }

  /// Out of order, budget, pins, index and slab, for any cause but eviction.
  void leave(shard& s, slot place, removal_cause cause, removals& gone) {
    entry& e = s.slab[place];
    if (!s.pins.contains(place)) s.order.on_erase(place);
    budget_.give_back(size_of(e));
    forget(s, place, cause, gone);
  }

  /// Out of pins, index and slab; the order and the budget know already.
  void forget(shard& s, slot place, removal_cause cause, removals& gone) {
    entry& e = s.slab[place];
    if (cause == removal_cause::evicted) s.counters.evictions.add();
    if (cause == removal_cause::expired) s.counters.expirations.add();
    if (!s.pins.empty()) s.pins.erase(place);
    s.index.erase(e.hash, place);
    if constexpr (Spec::collects_removed) {
      if constexpr (names_removed)
        collect(gone, std::move(e.key), std::move(e.payload), cause);
      else
        collect(gone, {}, std::move(e.payload), cause);
    }
    s.slab.destroy(place);
  }
  static removed_key name_of([[maybe_unused]] const entry& e) {
    if constexpr (names_removed && Spec::collects_removed)
      return e.key;
    else
      return removed_key{};
  }
  /// Without memory for the queue the entry leaves all the same, untold.
  static void collect(removals& gone, removed_key&& name, payload&& value, removal_cause cause) noexcept {
    try {
      gone.push(std::move(name), std::move(value), cause);
    } catch (...) {
    }
  }

  template <class Deliver, class Cause, class Which>
  std::size_t leave_all(Deliver& deliver, Cause&& cause, Which&& which) {
    std::size_t left = 0;
    std::vector<slot> places;
    for (auto& s : shards_) {
      removals gone;
      {
        const std::lock_guard lock(s->mutex);
        places.clear();
        s->index.for_each([&](slot place) {
          if (which(s->slab[place])) places.push_back(place);
        });
        for (const slot place : places) leave(*s, place, cause(s->slab[place]), gone);
        left += places.size();
      }
      deliver(gone);
    }
    return left;
  }

  const Spec& spec_;
  std::size_t mask_;
  std::vector<std::unique_ptr<shard>> shards_;
  core::budget<Spec::synchronized, Spec::dimensions> budget_;
};

}  // namespace larder::storage
