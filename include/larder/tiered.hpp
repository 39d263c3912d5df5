#pragma once

#include <larder/core/error.hpp>
#include <larder/core/iterable.hpp>
#include <larder/core/key_view.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/flight_batch.hpp>
#include <larder/sync/load_refused.hpp>
#include <larder/sync/load_runner.hpp>
#include <larder/sync/worker_pool.hpp>
#include <larder/sync/write_epochs.hpp>
#include <larder/tier.hpp>
#include <larder/tier_access.hpp>
#include <larder/tier_flights.hpp>
#include <larder/tier_row.hpp>
#include <larder/tiered_stats.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <future>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <stop_token>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

/// Several caches of one key and value type as one, fastest first: `tiered models{memory_cache, disk_cache,
/// read_only(shared)}`. A hit is promoted into the faster tiers; puts, erases and clears go to every writable tier, slowest
/// first. Searches below the first tier and loads are one per key at a time, over all tiers.
///
/// Lvalues are borrowed and must outlive it; `unique_ptr`s are owned. Any number of threads, where the tiers allow it.
/// Overlapping writes of one key leave all tiers with one value; a tier that failed to take a write is not asked for
/// that key again until it took one. A value in a `read_only` tier comes back after `erase`.
template <class... Tiers>
class tiered {
  static_assert(sizeof...(Tiers) != 0, "larder: tiered needs at least one cache");
  using first_cache = typename std::tuple_element_t<0, std::tuple<Tiers...>>::cache_type;
  using row = tier_row<Tiers...>;
  using tier_choice = typename row::choice;

 public:
  using key_type = typename first_cache::key_type;
  using mapped_type = typename first_cache::mapped_type;
  using key_view = core::key_view<key_type>;
  static constexpr std::size_t tier_count = sizeof...(Tiers);
  static_assert((std::is_same_v<key_type, typename Tiers::cache_type::key_type> && ...) &&
                    (std::is_same_v<mapped_type, typename Tiers::cache_type::mapped_type> && ...),
                "larder: the tiers must have one key type and one value type");
  static_assert(std::copy_constructible<mapped_type>, "larder: tiers share values, so they must be copyable");

  template <class... Arguments>
    requires(sizeof...(Arguments) == sizeof...(Tiers))
  explicit tiered(Arguments&&... arguments)
      : row_(std::forward<Arguments>(arguments)...) {}
  tiered(const tiered&) = delete;
  tiered& operator=(const tiered&) = delete;

  /// The value from the fastest tier that has it, or nothing; promoted into the faster ones. Large `bytes` of a remote tier come straight
  /// into the files of an `mmap_disk` above it, and go on from there after a crash.
  std::optional<mapped_type> get(key_view key) { return get(key, transfer_control{}); }
  /// The same, with word of how far a large value has come and a way to give up, which is a miss. Who joins another look-up hears nothing.
  std::optional<mapped_type> get(key_view key, const transfer_control& control) {
    if (std::optional<mapped_type> value = row_.fastest().get(key)) {
      hits_.add();
      return value;
    }
    std::optional<mapped_type> value;
    if constexpr (tier_count > 1) {
      const key_type owned(key);
      for (bool given_up = true; given_up;) {
        const auto [flown, led] = flights_.join_or_lead(owned);
        given_up = false;
        try {
          if (led) {
            value = flights_.search(owned, flown, control, [&](auto&) { sync::refuse_when_stopped(control.stop); });
          } else {
            joined_.add();
            value = flights_.wait(flown, control.stop);
          }
        } catch (const error& e) {  // another's loader failed, or is asking for its own key: here it is a plain miss
          if (led && e.cause() != error_cause::cancelled) throw;
          given_up = !led && e.cause() == error_cause::cancelled && !control.stop.stop_requested();  // by the other: then it is searched for here
        } catch (...) {
          if (led) throw;
        }
      }
    }
    (value ? hits_ : misses_).add();
    return value;
  }
  /// f(const Value&) on the value when some tier has it, as `get` finds it.
  template <std::invocable<const mapped_type&> F>
  bool visit(key_view key, F&& f) {
    const std::optional<mapped_type> value = get(key);
    if (value) f(*value);
    return value.has_value();
  }
  /// The value without promotion, statistics or effect on any order.
  std::optional<mapped_type> peek(key_view key) {
    std::optional<mapped_type> value;
    row_.fastest_first([&](auto& tier, auto) {
      value = tier.peek(key);
      return value.has_value();
    });
    return value;
  }
  bool contains(key_view key) {
    return row_.fastest_first([&](auto& tier, auto) { return tier.contains(key); });
  }
  /// For each key of the range, in its order, what `get` gives.
  template <core::iterable Keys>
  std::vector<std::optional<mapped_type>> get_many(const Keys& keys) {
    std::vector<std::optional<mapped_type>> values;
    for (const auto& key : keys) values.push_back(get(key));
    return values;
  }
  std::vector<std::optional<mapped_type>> get_many(std::initializer_list<key_type> keys) {
    return get_many(std::vector<key_type>(keys));
  }

  /// Stores in every writable tier; whether at least one took it.
  bool put(key_view key, mapped_type value) {
    return write(key, [&] { return row_.put(key, value, {}); });
  }
  /// The same with a time to live of its own, which every writable tier must be able to keep (policy `ttl`).
  template <class Rep, class Period>
  bool put(key_view key, mapped_type value, std::chrono::duration<Rep, Period> time_to_live) {
    static_assert(((Tiers::mode != tier_mode::write_back || tier_access<Tiers>::forgoes_expiring) && ...),
                  "larder: a value with a time to live cannot wait in a write_back tier; use write_through");
    static_assert(((Tiers::mode == tier_mode::read_only || Tiers::cache_type::template keeps<ttl>) && ...),
                  "larder: put(key, value, ttl) needs the policy larder::ttl in every tier that is written");
    const duration period = core::positive_period(time_to_live, "put(key, value, ttl)");
    return write(key, [&] { return row_.put(key, value, {.time_to_live = period}); });
  }
  /// The same with word of how far a large value has come on its way to a remote tier that is written at once, and a way to give that up:
  /// that tier then refuses the value, the others take it.
  bool put(key_view key, mapped_type value, const transfer_control& control) {
    return write(key, [&] { return row_.put(key, value, {.control = &control}); });
  }
  /// Stores when no tier has the key. The slowest tier that is written at once decides between two that try together.
  bool put_if_absent(key_view key, mapped_type value) {
    if (contains(key)) return false;
    return write(key, [&] {
      tier_choice taken{};
      bool decided = false;
      bool present = false;
      row_.slowest_first([&](auto& tier, auto at) {
        if constexpr (!std::remove_reference_t<decltype(tier)>::queued) {
          if (present || decided || tier.doubtful(key)) return;
          if (tier.put(key, value, {.only_if_absent = true}, nullptr))
            decided = taken[at()] = true;
          else
            present = tier.cache().contains(key);  // else it has no room for it
        }
      });
      if (present) return false;
      return row_.put(key, value, {}, taken) || decided;
    });
  }

  /// The value, from the tiers or by one load per key at a time; see `cache::get_or_load`. The loaded value goes to every
  /// writable tier. A remote tier that takes longer than loading is neither asked nor written, now and then apart (`resilience::bypass`).
  template <class Loader>
  mapped_type get_or_load(key_view key, Loader&& loader, const std::stop_token& stop = {}) {
    if (std::optional<mapped_type> value = row_.fastest().get(key)) {
      hits_.add();
      return std::move(*value);
    }
    const key_type owned(key);
    for (;;) {
      sync::refuse_when_stopped(stop);
      const auto [flown, led] = flights_.join_or_lead(owned);
      std::optional<mapped_type> value;
      if (!led) {
        joined_.add();
        value = flights_.wait(flown, stop);
        if (!value) continue;  // that was a search which found nothing; now somebody loads
        hits_.add();
        return std::move(*value);
      }
      bool loaded = false;
      const auto load_it = [&](std::optional<mapped_type>& found) {
        sync::refuse_when_stopped(stop);
        loaded = true;
        found.emplace(measured(1, [&] { return runner_.template one<mapped_type>(loader, owned, stop); }));
      };
      value = flights_.search(owned, flown, transfer_control{stop, {}}, load_it, bypassed());
      (loaded ? misses_ : hits_).add();
      return std::move(*value);
    }
  }
  /// The same on a thread of its own. The future never blocks in its destructor; the destructor of the tiers waits for loads that run
  /// and breaks the promises of those that have not begun.
  template <class Loader>
  std::future<mapped_type> get_or_load_async(key_type key, Loader loader) {
    return workers_.post_promising(
        [this, key = std::move(key), loader = std::move(loader)]() mutable { return get_or_load(key, loader); });
  }
  /// For each key of the range, in its order, its value; those that no tier has are loaded together by
  /// `batch_loader(const std::vector<key_type>&)`, which returns as many values in the same order, and go to every writable tier.
  template <core::iterable Keys, class BatchLoader>
  std::vector<mapped_type> get_or_load_many(const Keys& keys, BatchLoader&& batch_loader) {
    sync::flight_batch<key_type, mapped_type, tier_flights<row>> batch(flights_);
    std::vector<sync::write_epochs::read> epochs;  // of the flights that are led
    std::optional<tier_choice> without;
    batch.run([&] {
      for (const auto& key : keys) {
        if (std::optional<mapped_type> value = row_.fastest().get(key)) {
          batch.add(std::move(*value));
        } else if (batch.fly(key_type(key)) == sync::flight_role::leads) {
          const key_type& owned = batch.keys().back();
          epochs.push_back(flights_.epoch_of(owned));
          if (!without) without = bypassed();
          auto below = flights_.look_below(owned, {}, *without);
          if (!below.value) continue;
          flights_.land_found(owned, batch.led().back(), below, epochs.back());
          batch.landed(std::move(*below.value));
          epochs.pop_back();
        }
      }
      if (batch.keys().empty()) return;
      std::size_t i = 0;
      for (auto&& each : measured(batch.keys().size(), [&] { return runner_.batch(batch_loader, batch.keys()); })) {
        const std::optional<mapped_type> value(std::forward<decltype(each)>(each));
        flights_.land_loaded(batch.keys()[i], batch.led()[i], value, epochs[i], *without);
        ++i;
      }
    });
    hits_.add(batch.there());
    misses_.add(batch.keys().size());
    joined_.add(batch.coming() - batch.keys().size());
    return batch.values([&](const auto& flown, const std::optional<key_type>& joined) {
      std::optional<mapped_type> value = flights_.wait(flown, {});
      if (value) return std::move(*value);
      return get_or_load(*joined, [&](const key_type& key) {  // that was a search which found nothing
        return mapped_type(*std::begin(batch_loader(std::vector<key_type>{key})));
      });
    });
  }

  /// Drops the key from every writable tier; whether any had it.
  bool erase(key_view key) {
    return flights_.change(key, [&](const sync::write_epochs::change&) {
      bool erased = false;
      row_.slowest_first([&](auto& tier, auto) { erased = tier.erase(key) || erased; });
      return erased;
    });
  }
  /// Drops each key that starts with the text from every writable tier; the largest number that one tier dropped. Like all work over every
  /// entry it goes tier by tier, the slowest first, and `control` follows each of them anew; what is stopped leaves the faster tiers as they are.
  std::size_t erase_prefix(std::string_view text, const sweep_control& control = {})
    requires std::convertible_to<const key_type&, std::string_view>
  {
    return erase_everywhere([text](const key_type& key) { return std::string_view(key).starts_with(text); }, control);
  }
  /// Drops each entry whose key the predicate names from every writable tier; the largest number that one tier dropped.
  template <std::predicate<const key_type&> Predicate>
  std::size_t erase_if(Predicate&& predicate, const sweep_control& control = {}) {
    return erase_everywhere(predicate, control);
  }
  /// Drops what is too old now from every tier that is written; the largest number that one tier dropped.
  std::size_t purge_expired(const sweep_control& control = {}) {
    std::size_t most = 0;
    row_.slowest_first([&](auto& tier, auto) { most = std::max(most, tier.cache().purge_expired(control)); });
    return most;
  }
  /// Drops everything from every writable tier.
  void clear(const sweep_control& control = {}) {
    flights_.change_all([&] { row_.slowest_first([&](auto& tier, auto) { tier.clear(control); }); });
  }

  /// Waits until what `write_back` tiers still owe is written, at most so long; whether that was reached. The destructor
  /// does it for as long as the tier's options say, five seconds when they say nothing.
  bool flush(duration deadline = std::chrono::seconds(5)) {
    const instant end = core::deadline_after(steady_time::now(), deadline);
    bool done = true;
    row_.slowest_first([&](auto& tier, auto) { done = tier.flush(end - steady_time::now()) && done; });
    return done;
  }

  tiered_stats<tier_count> stats() const {
    tiered_stats<tier_count> snapshot;
    std::apply(
        [&](const auto&... tier) {
          snapshot.tiers = {tier.cache().stats()...};
          snapshot.owed_bytes = (tier.owed_bytes() + ...);
          snapshot.dropped = (tier.dropped() + ...);
        },
        row_.all());
    snapshot.hits = hits_.load();
    snapshot.misses = misses_.load();
    snapshot.promotions = flights_.promotions();
    snapshot.joined = joined_.load();
    cache_stats loaded;
    runner_.add_to(loaded);
    snapshot.loads = loaded.loads;
    snapshot.load_failures = loaded.load_failures;
    snapshot.load_time = loaded.load_time;
    return snapshot;
  }
  /// Counts anew, in the tiers as well.
  void reset_stats() {
    row_.each([](auto& tier, auto) { tier.reset_stats(); });
    runner_.reset();
    flights_.reset_promotions();
    for (sync::counter<true>* c : {&hits_, &misses_, &joined_}) c->store(0);
  }
  /// The I-th tier's cache, fastest first.
  template <std::size_t I>
  auto& tier() noexcept {
    return row_.template at<I>().cache();
  }

 private:
  /// The tiers that loads do without for now, as they take longer than loading.
  tier_choice bypassed() {
    tier_choice without{};
    row_.each([&](auto& tier, auto at) { without[at()] = tier.bypasses(); });
    return without;
  }

  /// Writes one key: loads that are on their way are not stored, and of writes that overlap one wins in all tiers.
  template <class Put>
  bool write(key_view key, Put&& put) {
    return flights_.change(key, [&](const sync::write_epochs::change& epoch) {
      const bool stored = put();
      if (!epoch.alone()) row_.keep_slowest_only(key);
      return stored;
    });
  }
  template <class Which>
  std::size_t erase_everywhere(Which&& which, const sweep_control& control) {
    std::size_t most = 0;
    flights_.change_all([&] { row_.slowest_first([&](auto& tier, auto) { most = std::max(most, tier.erase_if(which, control)); }); });
    return most;
  }

  /// Runs what loads so many keys, and lets the tiers know what a key has cost.
  template <class Load>
  auto measured(std::size_t keys, Load&& load) {
    const instant begun = steady_time::now();
    auto loaded = load();
    const duration cost = (steady_time::now() - begun) / static_cast<duration::rep>(keys);
    row_.each([cost](auto& tier, auto) { tier.note_load(cost); });
    return loaded;
  }

  row row_;
  sync::counter<true> hits_, misses_, joined_;
  sync::load_runner<true> runner_;
  tier_flights<row> flights_{row_};
  sync::worker_pool<> workers_{sync::most_loads};  // last: its threads load
};

template <class... Arguments>
tiered(Arguments&&...) -> tiered<typename core::tier_from<Arguments>::type...>;

}  // namespace larder
