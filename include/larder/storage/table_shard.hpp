#pragma once

#include <larder/core/concepts.hpp>
#include <larder/core/eviction_report.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/core/slot.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>
#include <larder/limit/budget_part.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/storage/block_places.hpp>
#include <larder/storage/hit_log.hpp>
#include <larder/storage/put_request.hpp>
#include <larder/storage/removal_queue.hpp>
#include <larder/storage/slab_places.hpp>
#include <larder/storage/table_entry.hpp>
#include <larder/sync/counter.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::storage {

/// One part of an `entry_table`: its keys' entries, their eviction order and pins. Every member but the counters is called
/// under `mutex`, shared where it is const or says so. The budget is the whole table's.
template <class Spec>
class alignas(64) table_shard {
 public:
  using key = typename Spec::key;
  using key_view = typename Spec::key_view;
  using payload = typename Spec::payload;
  using places_type = std::conditional_t<block_places<Spec>::suits, block_places<Spec>, slab_places<Spec>>;
  using entry = typename places_type::entry;
  using request = put_request<Spec::dimensions>;
  /// What is kept of the key of an entry that left: nothing where nobody is told of it.
  static constexpr bool names_removed = !requires { requires !Spec::names_removed; };
  using removed_key = std::conditional_t<names_removed, typename Spec::told_key, core::none>;
  using removals = removal_queue<removed_key, payload>;
  using budget_type = core::budget<Spec::synchronized, Spec::dimensions>;
  using budget_part = core::budget_part<Spec::synchronized, Spec::dimensions>;

  /// What the shard counted; may be read without the lock. The first four change under it alone.
  struct counters_type {
    sync::counter<Spec::synchronized> insertions, evictions, expirations, missed_bytes, refused, joined;
  };

  /// One of `parts`, for about `expected` entries.
  table_shard(const Spec& spec, budget_type& budget, std::size_t parts, std::size_t expected)
      : places_(spec, expected),
        spec_(spec),
        budget_(budget, parts),
        states_(places_.order_states_handle()),
        order_(make_order<order_type>(spec.eviction_policy, states_)) {}
  table_shard(const table_shard&) = delete;
  table_shard& operator=(const table_shard&) = delete;

  using cursor = typename places_type::cursor;
  static constexpr cursor nowhere = places_type::nowhere;
  cursor locate(const key_view& k, std::uint64_t hash) const { return places_.locate(k, hash); }
  /// Without the lock: asks for the memory where a look-up of this hash will begin.
  void prefetch([[maybe_unused]] std::uint64_t hash) const noexcept {
    if constexpr (requires { places_.prefetch(hash); }) places_.prefetch(hash);
  }
  static bool found(const cursor& at) noexcept { return places_type::found(at); }
  static slot slot_of(const cursor& at) noexcept { return places_type::slot_of(at); }
  decltype(auto) at(const cursor& at) noexcept { return places_.at(at); }
  slot find(const key_view& k, std::uint64_t hash) const { return places_type::slot_of(places_.locate(k, hash)); }
  decltype(auto) operator[](slot place) noexcept { return places_[place]; }
  bool expired(slot place, instant now) const noexcept { return spec_.expired(places_[place], now); }

  /// Whether a look-up that counts may go beside others.
  static constexpr bool concurrent_uses = core::has_concurrent_hits<typename Spec::eviction> || places_type::rations_uses;

  /// A look-up that counts; shared where uses are concurrent. Of how many uses the order is still to be told (`tell_of`).
  std::uint8_t use(const cursor& at, [[maybe_unused]] instant now) noexcept {
    if constexpr (Spec::keeps_accessed) places_.at(at).accessed.accessed.store(now.count(), std::memory_order_relaxed);
    if constexpr (places_type::counts_uses) {
      return places_.count_use(at);
    } else if constexpr (places_type::rations_uses) {
      return places_.count_use(at);
    } else {
      tell_of(places_type::slot_of(at), 1);
      return 0;
    }
  }
  /// Tells the order of uses, unless the entry is pinned and so not in it.
  void tell_of(slot place, std::uint8_t uses) noexcept {
    if (!pins_.empty() && pins_.contains(place)) return;
    if constexpr (log_type::wanted)
      log_.add(order_, states_, place, uses);
    else
      log_type::tell_at_once(order_, place, uses);
  }
  /// f(entry) changes an entry.
  template <class F>
  void change(slot place, F&& f) {
    places_.change(place, f);
  }

  /// Stores or replaces; nothing when the room would have to come from other shards: then it is not the `first` try any more.
  template <class MakeKey>
  std::optional<put_outcome> put(key_view k, MakeKey& make_key, payload& value, const request& wanted, removals& gone, bool first) {
    if constexpr (requires { order_.expect(wanted.hash); }) order_.expect(wanted.hash);
    cursor at = places_.locate(k, wanted.hash);
    if (found(at) && spec_.expired(places_.at(at), wanted.now)) {
      leave(slot_of(at), removal_cause::expired, gone);
      at = nowhere;
    }
    if (found(at) && wanted.only_if_absent) return put_outcome::present;
    if (first && !found(at)) count_missed(wanted);
    if (!budget_.whole().fits_alone(wanted.size)) {
      // What the key had is no longer its value, so it goes as well.
      if (found(at)) leave(slot_of(at), removal_cause::replaced, gone, &wanted.hash);
      refuse(wanted.hash);
      return put_outcome::refused;
    }
    if (found(at)) {
      if (replace(at, std::move(value), wanted, gone)) return put_outcome::stored;
    } else if (take_room(wanted, gone, [&] { return budget_.holds_little_beside(wanted.size); })) {
      insert(make_key, std::move(value), wanted);
      return put_outcome::stored;
    }
    return std::nullopt;
  }

  /// For a table that is filled before anybody uses it (`table_restorer`).
  void reserve(std::size_t entries) { places_.reserve(entries); }
  void prefetch_insertion(std::uint64_t hash) const noexcept { places_.prefetch_insertion(hash); }
  void restore(key&& k, payload&& value, const request& what) {
    const slot place = places_.emplace(what.hash, std::move(k), std::move(value), [&](entry& e) { stamp_entry<Spec>(e, what); });
    order_.on_insert(place, {what.hash, what.order_weight});
  }
  void take_in_any_case(const core::amounts<Spec::dimensions>& size) noexcept { budget_.take_in_any_case(size); }

  /// Counts a put that is not stored; with or without the lock.
  void refuse(std::uint64_t hash) noexcept {
    counters.refused.add();
    tell_history(hash, [&](auto& history) { history.refused(hash); });
  }
  /// Counts what was asked for in vain, as far as the put of it tells.
  void count_missed([[maybe_unused]] const request& wanted) noexcept {
    if constexpr (Spec::counts_bytes) counters.missed_bytes.add_alone(wanted.size[1]);
  }

  /// Evicts the order's victim, if it has one; of `incoming`, for which the room is, the order is told when it wants to know.
  /// `maker` is the hash of the key for which it is.
  bool evict_one(instant now, removals& gone, const entry_info* incoming = nullptr, const std::uint64_t* maker = nullptr) {
    const slot place = victim(incoming);
    if (place == no_slot) return false;
    const auto& e = places_[place];
    const removal_cause cause = spec_.expired(e, now) ? removal_cause::expired : removal_cause::evicted;
    const std::uint64_t hash = places_.hash_of(place);
    told().on_evict(place, {hash, spec_.order_weight(e)});
    budget_.give_back(size_of(e));
    forget(place, hash, cause, gone, maker);
    return true;
  }

  /// Whether room for `size` is to come from here; readable without the lock.
  bool holds_too_much_beside(const core::amounts<Spec::dimensions>& size) const noexcept { return budget_.holds_too_much_beside(size); }

  /// Takes an entry out for any cause but eviction.
  void leave(slot place, removal_cause cause, removals& gone, const std::uint64_t* maker = nullptr) {
    if (!pins_.contains(place)) told().on_erase(place);
    budget_.give_back(size_of(places_[place]));
    forget(place, places_.hash_of(place), cause, gone, maker);
  }
  /// Takes out every entry that `which(entry)` names, for the cause that `cause(entry)` gives, and says how many.
  template <class Cause, class Which>
  std::size_t leave_all(Cause& cause, Which& which, removals& gone) {
    std::vector<slot> places;
    places_.for_each([&](slot place) {
      if (which(places_[place])) places.push_back(place);
    });
    for (const slot place : places) leave(place, cause(places_[place]), gone);
    return places.size();
  }

  /// Keeps the entry from being evicted for one more holder; the serial number names this pinning.
  std::uint64_t pin(slot place) {
    const auto [at, first] = pins_.try_emplace(place, pin_count{0, next_serial_});
    if (first) {
      ++next_serial_;
      told().on_erase(place);
    }
    ++at->second.holders;
    return at->second.serial;
  }
  void unpin(slot place, std::uint64_t serial) noexcept {
    const auto at = pins_.find(place);
    if (at == pins_.end() || at->second.serial != serial || --at->second.holders != 0) return;
    pins_.erase(at);
    places_.renew_state(place);
    told().on_insert(place, {places_.hash_of(place), spec_.order_weight(places_[place])});
  }

  /// f(entry) for each entry.
  template <class F>
  void for_each(F&& f) const {
    places_.for_each([&](slot place) { f(places_[place]); });
  }
  /// Whether the order tells what it does.
  static constexpr bool describes_itself = requires(const typename Spec::eviction::template order<typename places_type::states>& order) {
    { order.describe() } -> std::same_as<eviction_report>;
  };
  eviction_report describe() const
    requires describes_itself
  {
    return order_.describe();
  }
  /// The bytes beyond keys and payloads; under the exclusive lock.
  std::uint64_t overhead() const noexcept {
    std::uint64_t bytes = places_.memory() - places_.size() * (sizeof(key) + sizeof(payload));
    if constexpr (requires { order_.memory(); }) bytes += order_.memory();
    return bytes;
  }

  /// A look-up without the lock, where the places allow it.
  template <class F>
  unlocked_read read_unlocked(const key_view& k, std::uint64_t hash, bool counted, std::uint8_t& untold, instant now, F&& f) const
    requires(places_type::concurrent_reads)
  {
    return places_.read(k, hash, counted, untold, [&](const entry& e) { return spec_.expired(e, now); }, f);
  }

 private:
  alignas(64) places_type places_;  // on lines that puts do not write

 public:
  alignas(64) mutable typename Spec::mutex mutex;
  counters_type counters;

 private:
  using states = typename places_type::states;
  using order_type = typename Spec::eviction::template order<states>;
  using log_type = hit_log<order_type, states>;
  using sizes = core::amounts<Spec::dimensions>;
  struct pin_count {
    std::uint32_t holders;
    std::uint64_t serial;
  };

  /// The order, told of all hits until now.
  order_type& told() noexcept {
    if constexpr (log_type::wanted) log_.tell(order_, states_);
    return order_;
  }

  /// Who leaves, its saved-up uses counted.
  slot victim(const entry_info* incoming) noexcept {
    if constexpr (places_type::rations_uses) {
      for (;;) {
        const slot place = named_by_order(incoming);
        const std::uint8_t saved = place == no_slot ? std::uint8_t{0} : places_.take_saved(place);
        if (saved == 0) return place;
        tell_of(place, saved);
      }
    } else {
      return named_by_order(incoming);
    }
  }
  slot named_by_order([[maybe_unused]] const entry_info* incoming) noexcept {
    if constexpr (requires { order_.victim(*incoming); })
      if (incoming != nullptr) return told().victim(*incoming);
    return told().victim();
  }

  static sizes size_of(const entry& e) noexcept {
    sizes size{};
    size[0] = 1;
    if constexpr (Spec::dimensions > 1)
      for (std::size_t d = 1; d < Spec::dimensions; ++d) size[d] = e.weight.weights[d - 1];
    return size;
  }

  template <class MakeKey>
  void insert(MakeKey& make_key, payload&& value, const request& wanted) {
    slot place = no_slot;
    try {
      place = places_.emplace(wanted.hash, make_key(), std::move(value), [&](entry& e) { stamp_entry<Spec>(e, wanted); });
    } catch (...) {
      budget_.give_back(wanted.size);
      throw;
    }
    told().on_insert(place, {wanted.hash, wanted.order_weight});
    counters.insertions.add_alone();
    tell_history(wanted.hash, [&](auto& history) { history.inserted(wanted.hash, wanted.order_weight); });
    if constexpr (places_type::rations_uses) places_.sweep([this](slot used, std::uint8_t uses) { tell_of(used, uses); });
  }

  /// In place, so that slot and pins stay. What takes no more room needs none; for an order that says so it is a use, else the
  /// entry is stored anew. False when there was no room in this shard: the old entry is gone then.
  bool replace(const cursor& at, payload&& value, const request& wanted, removals& gone) {
    const slot place = slot_of(at);
    removed_key name = name_of(places_.at(at));  // copied before anything changes: a copy may throw
    const sizes held = size_of(places_.at(at));
    const bool grows = !core::covers<Spec::limits>(held, wanted.size);
    const bool used = core::replacement_is_use<typename Spec::eviction> && !grows;
    const bool in_order = !used && (pins_.empty() || !pins_.contains(place));
    if (in_order) told().on_erase(place);
    if (grows) {
      budget_.give_back(held);
      if (!take_room(wanted, gone, [] { return false; })) {
        forget(place, wanted.hash, removal_cause::replaced, gone, &wanted.hash);
        return false;
      }
    } else if constexpr (Spec::dimensions > 1) {
      budget_.give_back(core::difference(held, wanted.size));
    }
    tell_history(wanted.hash, [&](auto& history) { history.left(wanted.hash, removal_cause::replaced, spec_.order_weight(places_.at(at)), &wanted.hash); });
    places_.change(at, [&](entry& e) {
      if constexpr (Spec::collects_removed) collect(gone, std::move(name), std::move(e.payload), removal_cause::replaced);
      if constexpr (std::is_nothrow_move_constructible_v<payload>) {  // the value may have no assignment
        std::destroy_at(&e.payload);
        std::construct_at(&e.payload, std::move(value));
      } else {
        e.payload = std::move(value);
      }
      stamp_entry<Spec>(e, wanted);
    });
    if (in_order) {
      places_.renew_state(place);
      told().on_insert(place, {wanted.hash, wanted.order_weight});
    } else if (used) {
      if (const std::uint8_t untold = use(at, wanted.now); untold != 0) tell_of(place, untold);
    }
    counters.insertions.add_alone();
    tell_history(wanted.hash, [&](auto& history) { history.inserted(wanted.hash, wanted.order_weight); });
    return true;
  }

  /// Evicts until there is room and takes it. False when there is nothing to evict, or as soon as `others_first()`.
  template <class OthersFirst>
  bool take_room(const request& wanted, removals& gone, OthersFirst&& others_first) {
    if constexpr (!core::evicts_for_puts<typename Spec::eviction>) return budget_.take(wanted.size);
    const entry_info incoming{wanted.hash, wanted.order_weight};
    if constexpr (Spec::has_watermark) {
      const sizes bounds = budget_.whole().marks(spec_.mark, wanted.size);
      while (budget_.whole().passes(bounds, wanted.size) && evict_one(wanted.now, gone, &incoming, &wanted.hash)) {
      }
    }
    while (!budget_.take(wanted.size))
      if (others_first() || !evict_one(wanted.now, gone, &incoming, &wanted.hash)) return false;
    return true;
  }

  /// Out of pins, index and slab; the order and the budget know already.
  void forget(slot place, std::uint64_t hash, removal_cause cause, removals& gone, [[maybe_unused]] const std::uint64_t* maker) {
    tell_history(hash, [&](auto& history) { history.left(hash, cause, spec_.order_weight(places_[place]), maker); });
    if (cause == removal_cause::evicted) counters.evictions.add_alone();
    if (cause == removal_cause::expired) counters.expirations.add_alone();
    if (!pins_.empty()) pins_.erase(place);
    if constexpr (Spec::collects_removed) {
      auto&& e = places_[place];
      if constexpr (names_removed)
        collect(gone, std::move(e.key), std::move(e.payload), cause);
      else
        collect(gone, removed_key{}, std::move(e.payload), cause);
    }
    places_.erase(place, hash);
  }
  /// f(history) where a policy remembers what became of the key of this hash.
  template <class F>
  void tell_history([[maybe_unused]] std::uint64_t hash, [[maybe_unused]] F&& f) noexcept {
    if constexpr (requires { requires Spec::remembers; })
      if (auto& history = *spec_.context.history(); history.follows(hash)) [[unlikely]]
        f(history);
  }
  static removed_key name_of([[maybe_unused]] const entry& e) {
    if constexpr (names_removed && Spec::collects_removed)
      return removed_key(e.key);
    else
      return removed_key{};
  }
  /// Without memory for the queue the entry leaves all the same, untold.
  template <class Name>
  static void collect(removals& gone, Name&& name, payload&& value, removal_cause cause) noexcept {
    try {
      gone.push(removed_key(std::forward<Name>(name)), std::move(value), cause);
    } catch (...) {
    }
  }

  const Spec& spec_;
  budget_part budget_;
  states states_;
  order_type order_;
  log_type log_;
  std::unordered_map<slot, pin_count> pins_;
  std::uint64_t next_serial_ = 1;
};

}  // namespace larder::storage
