#pragma once

#include <larder/cache.hpp>
#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/iterable.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/doubted_keys.hpp>
#include <larder/sync/single_flight.hpp>
#include <larder/sync/write_back_queue.hpp>
#include <larder/sync/write_epochs.hpp>
#include <larder/tier.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder {

/// What each tier counted, fastest first, and what only the whole can count.
template <std::size_t Tiers>
struct tiered_stats {
  std::array<cache_stats, Tiers> tiers;
  std::uint64_t hits = 0;        ///< demand look-ups that some tier answered
  std::uint64_t misses = 0;      ///< demand look-ups that none did
  std::uint64_t promotions = 0;  ///< values copied into a faster tier after a hit in a slower one
  std::uint64_t loads = 0;
  std::uint64_t load_failures = 0;
  std::uint64_t joined = 0;  ///< look-ups that waited for another one's search or load
  duration load_time{0};

  const cache_stats& operator[](std::size_t tier) const noexcept { return tiers[tier]; }
  double hit_rate() const noexcept {
    return hits + misses == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(hits + misses);
  }
};

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
      : tiers_(Tiers(std::forward<Arguments>(arguments))...), queues_(make_queues(std::index_sequence_for<Tiers...>{})) {}
  tiered(const tiered&) = delete;
  tiered& operator=(const tiered&) = delete;

  /// The value from the fastest tier that has it, or nothing; promoted into the faster ones.
  std::optional<mapped_type> get(key_view key) {
    if (std::optional<mapped_type> value = look<0>(key)) {
      hits_.add();
      return value;
    }
    std::optional<mapped_type> value;
    if constexpr (tier_count > 1) {
      const key_type owned(key);
      const auto [flown, led] = flights_.join_or_lead(owned);
      if (led) {
        value = search(owned, flown, [](auto&) {});
      } else {
        joined_.add();
        try {
          value = flights_.wait(flown);
        } catch (...) {  // another's loader failed, or is asking for its own key: here it is a plain miss
        }
      }
    }
    (value ? hits_ : misses_).add();
    return value;
  }
  /// The value without promotion, statistics or effect on any order.
  std::optional<mapped_type> peek(key_view key) {
    std::optional<mapped_type> value;
    each_until([&](auto at) {
      value = glance<at()>(key);
      return value.has_value();
    });
    return value;
  }
  bool contains(key_view key) {
    return each_until([&](auto at) {
      constexpr std::size_t i = at();
      if (const auto waiting = pending<i>(key); waiting.known) return waiting.value.has_value();
      return !doubts_[i].about(hash(key)) && tier_at<i>()->contains(key);
    });
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
    return write(key, [&] { return put_in_tiers(key, value, {}); });
  }
  /// The same with a time to live of its own, which every writable tier must be able to keep (policy `ttl`).
  template <class Rep, class Period>
  bool put(key_view key, mapped_type value, std::chrono::duration<Rep, Period> time_to_live) {
    static_assert(((Tiers::mode != tier_mode::write_back) && ...),
                  "larder: a value with a time to live cannot wait in a write_back tier; use write_through");
    static_assert(((Tiers::mode == tier_mode::read_only || Tiers::cache_type::template keeps<ttl>) && ...),
                  "larder: put(key, value, ttl) needs the policy larder::ttl in every tier that is written");
    const duration period = core::positive_period(time_to_live, "put(key, value, ttl)");
    return write(key, [&] { return put_in_tiers(key, value, {.time_to_live = period}); });
  }
  /// Stores when no tier has the key. The slowest tier that is written at once decides between two that try together.
  bool put_if_absent(key_view key, mapped_type value) {
    if (contains(key)) return false;
    return write(key, [&] {
      std::size_t decided = tier_count;
      bool present = false;
      slowest_first([&](auto at) {
        constexpr std::size_t i = at();
        if constexpr (!queued<i>) {
          if (present || decided != tier_count || doubts_[i].about(hash(key))) return;
          if (put_in<i>(key, value, {.only_if_absent = true}))
            decided = i;
          else
            present = tier_at<i>()->contains(key);  // else it has no room for it
        }
      });
      return !present && put_in_tiers(key, value, {}, decided);
    });
  }

  /// The value, from the tiers or by one load per key at a time; see `cache::get_or_load`. The loaded value goes to every
  /// writable tier.
  template <class Loader>
  mapped_type get_or_load(key_view key, Loader&& loader, const std::stop_token& stop = {}) {
    if (std::optional<mapped_type> value = look<0>(key)) {
      hits_.add();
      return std::move(*value);
    }
    const key_type owned(key);
    for (;;) {
      if (stop.stop_requested()) core::fail(error_cause::cancelled, "a load was not begun because a stop was requested");
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
      value = search(owned, flown, [&](std::optional<mapped_type>& found) {
        loaded = true;
        found.emplace(load(loader, owned, stop));
      });
      (loaded ? misses_ : hits_).add();
      return std::move(*value);
    }
  }

  /// Drops the key from every writable tier; whether any had it.
  bool erase(key_view key) {
    const sync::write_epochs::write epoch(epochs_, hash(key));
    flights_.supersede(key);
    bool erased = false;
    slowest_first([&](auto at) {
      constexpr std::size_t i = at();
      erased = erase_in<i>(key) || erased;
    });
    flights_.supersede(key);
    return erased;
  }
  /// Drops each key that starts with the text from every writable tier; the largest number that one tier dropped.
  std::size_t erase_prefix(std::string_view text)
    requires std::convertible_to<const key_type&, std::string_view>
  {
    return erase_everywhere([text](const key_type& key) { return std::string_view(key).starts_with(text); });
  }
  /// Drops each entry whose key the predicate names from every writable tier; the largest number that one tier dropped.
  template <std::predicate<const key_type&> Predicate>
  std::size_t erase_if(Predicate&& predicate) {
    return erase_everywhere(predicate);
  }
  /// Drops everything from every writable tier.
  void clear() {
    const auto epochs = epochs_.write_all();
    const auto any = [](const key_type&) { return true; };
    flights_.supersede_if(any);
    slowest_first([&](auto at) {
      constexpr std::size_t i = at();
      if constexpr (queued<i>) queue<i>().clear();
      const std::uint64_t before = failures<i>();
      tier_at<i>()->clear();
      doubts_[i].after_clear(failures<i>() != before);
    });
    flights_.supersede_if(any);
  }

  /// Waits until what `write_back` tiers still owe is written, at most so long; whether that was reached. The destructor
  /// does it for up to five seconds.
  bool flush(duration deadline = std::chrono::seconds(5)) {
    const instant end = core::deadline_after(steady_time::now(), deadline);
    bool done = true;
    slowest_first([&](auto at) {
      constexpr std::size_t i = at();
      if constexpr (queued<i>) {
        done = queue<i>().flush(end - steady_time::now()) && done;
      }
    });
    return done;
  }

  tiered_stats<tier_count> stats() const {
    tiered_stats<tier_count> snapshot;
    std::apply([&](const auto&... t) { snapshot.tiers = {t->stats()...}; }, tiers_);
    snapshot.hits = hits_.load();
    snapshot.misses = misses_.load();
    snapshot.promotions = promotions_.load();
    snapshot.loads = loads_.load();
    snapshot.load_failures = failures_.load();
    snapshot.joined = joined_.load();
    snapshot.load_time = duration{static_cast<duration::rep>(time_.load())};
    return snapshot;
  }
  /// The I-th tier's cache, fastest first.
  template <std::size_t I>
  auto& tier() noexcept {
    return *std::get<I>(tiers_);
  }

 private:
  struct key_hash {
    using is_transparent = void;
    const tiered* owner;
    std::size_t operator()(key_view key) const { return static_cast<std::size_t>(owner->hash(key)); }
  };
  using queue_type = sync::write_back_queue<key_type, mapped_type, key_hash>;
  static constexpr std::uint64_t most_queued_bytes = std::uint64_t{256} << 20;
  static constexpr std::size_t copied_below = 64 * 1024;

  template <std::size_t I>
  using tier_type = std::tuple_element_t<I, std::tuple<Tiers...>>;
  /// Entries that left the tiers, of which the listeners are told once no lock is held.
  using untold = std::tuple<typename Tiers::cache_type::departures...>;
  template <std::size_t I>
  static constexpr bool writable = tier_type<I>::mode != tier_mode::read_only;
  template <std::size_t I>
  static constexpr bool queued = tier_type<I>::mode == tier_mode::write_back;

  template <std::size_t I>
  auto& tier_at() const noexcept {
    return std::get<I>(tiers_);
  }
  template <std::size_t I>
  queue_type& queue() noexcept {
    return *queues_[I];
  }
  std::uint64_t hash(key_view key) const { return std::get<0>(tiers_)->hash_of(key); }

  template <std::size_t... I>
  std::array<std::unique_ptr<queue_type>, tier_count> make_queues(std::index_sequence<I...>) {
    return {make_queue<I>()...};
  }
  template <std::size_t I>
  std::unique_ptr<queue_type> make_queue() {
    if constexpr (queued<I>)
      return std::make_unique<queue_type>(
          [this](const key_type& key, const std::optional<mapped_type>& value) {
            try {
              if (value)
                put_in<I>(key, *value, {});
              else
                erase_now<I>(key);
            } catch (...) {  // a weigher of the user's; the tier is in doubt about the key
            }
          },
          most_queued_bytes, key_hash{this});
    else
      return nullptr;
  }

  /// f(index) for tiers until one says true.
  template <class F, std::size_t I = 0>
  static bool each_until(F&& f) {
    if constexpr (I == tier_count)
      return false;
    else
      return f(std::integral_constant<std::size_t, I>{}) || each_until<F, I + 1>(std::forward<F>(f));
  }
  /// f(index) for each writable tier, slowest first.
  template <class F, std::size_t I = tier_count>
  static void slowest_first(F&& f) {
    if constexpr (I != 0) {
      if constexpr (writable<I - 1>) f(std::integral_constant<std::size_t, I - 1>{});
      slowest_first<F, I - 1>(std::forward<F>(f));
    }
  }

  template <std::size_t I>
  typename queue_type::pending pending(key_view key) {
    if constexpr (queued<I>)
      return queue<I>().look(key);
    else
      return {};
  }

  /// A look-up in one tier that counts for nothing.
  template <std::size_t I>
  std::optional<mapped_type> glance(key_view key) {
    if (auto waiting = pending<I>(key); waiting.known) return std::move(waiting.value);
    if (doubts_[I].about(hash(key))) return std::nullopt;
    return tier_at<I>()->peek(key);
  }
  /// A demand look-up in one tier.
  template <std::size_t I>
  std::optional<mapped_type> look(key_view key) {
    if (auto waiting = pending<I>(key); waiting.known) return std::move(waiting.value);
    if (doubts_[I].about(hash(key))) return std::nullopt;
    return tier_at<I>()->get(key);
  }

  /// Leads a flight: looks through the tiers below the first, promotes a hit; `otherwise(value)` may fill in what none had,
  /// which is then stored everywhere.
  template <class Otherwise>
  std::optional<mapped_type> search(const key_type& key, const typename sync::single_flight<key_type, std::optional<mapped_type>, key_hash>::handle& flown,
                                    Otherwise&& otherwise) {
    std::optional<mapped_type> value;
    try {
      const sync::write_epochs::read epoch(epochs_, hash(key));
      std::size_t found_in = 0;
      value = glance<0>(key);  // somebody may have landed between the miss and this flight
      if (!value)
        each_until([&](auto at) {
          constexpr std::size_t i = at();
          if constexpr (i == 0) return false;
          else {
            value = look<i>(key);
            found_in = i;
            return value.has_value();
          }
        });
      untold gone;
      if (value) {
        flights_.land(key, flown, value, [&](const std::optional<mapped_type>& v) { promote(key, *v, found_in, epoch, gone); });
      } else {
        otherwise(value);
        flights_.land(key, flown, value, [&](const std::optional<mapped_type>& v) {
          // A write that this flight met at its beginning did not see it then: it must have seen it by now.
          if (!v || !epoch.settled()) return;
          const sync::write_epochs::write mine(epochs_, hash(key));
          put_in_tiers(key, *v, {}, tier_count, &gone);
          if (!mine.alone()) keep_slowest_only(key, &gone);
        });
      }
      tell(gone);
    } catch (...) {
      flights_.fail(key, flown, std::current_exception());
      throw;
    }
    return value;
  }

  /// Copies a value into the writable tiers faster than the one that had it. When a write of the key came in between, the
  /// copies may be older than it and are dropped again.
  void promote(const key_type& key, const mapped_type& value, std::size_t found_in, const sync::write_epochs::read& epoch, untold& gone) {
    std::array<bool, tier_count> copied{};
    slowest_first([&](auto at) {
      constexpr std::size_t i = at();
      if (i >= found_in || doubts_[i].about(hash(key)) || pending<i>(key).known) return;
      copied[i] = tier_at<i>()->store_untold(key, fit_for<i>(value), {.only_if_absent = true}, std::get<i>(gone));
      if (copied[i]) promotions_.add();
    });
    if (!epoch.undisturbed())
      slowest_first([&](auto at) {
        constexpr std::size_t i = at();
        if (copied[i]) erase_now<i>(key, &gone);
      });
  }
  /// Small mapped values are copied into memory, so that they do not hold a mapping; large ones are shared.
  template <std::size_t I>
  static mapped_type fit_for(const mapped_type& value) {
    if constexpr (std::is_same_v<mapped_type, bytes> && tier_type<I>::cache_type::in_memory)
      if (value.where() == residence::mapping && value.size() < copied_below) return bytes::copy_of(value.span());
    return value;
  }

  /// Writes one key: loads that are on their way are not stored, and of writes that overlap one wins in all tiers.
  template <class Put>
  bool write(key_view key, Put&& put) {
    const sync::write_epochs::write epoch(epochs_, hash(key));
    flights_.supersede(key);
    const bool stored = put();
    if (!epoch.alone()) keep_slowest_only(key);
    flights_.supersede(key);  // those that began meanwhile
    return stored;
  }
  /// Puts into every writable tier but `except`, slowest first; whether any has it. With `gone` the listeners are told later.
  bool put_in_tiers(key_view key, const mapped_type& value, const storage::write_mode& mode, std::size_t except = tier_count,
                    untold* gone = nullptr) {
    bool stored = except != tier_count;
    slowest_first([&](auto at) {
      constexpr std::size_t i = at();
      if (i == except) return;
      if constexpr (queued<i>) {
        queue<i>().put(key_type(key), value, core::payload_size(value));
        stored = true;
      } else {
        stored = put_in<i>(key, value, mode, gone) || stored;
      }
    });
    return stored;
  }
  template <std::size_t I>
  bool put_in(key_view key, const mapped_type& value, const storage::write_mode& mode, untold* gone = nullptr) {
    bool stored = false;
    try {
      stored = with_departures<I>(gone, [&](auto& left) { return tier_at<I>()->store_untold(key, mapped_type(value), mode, left); });
    } catch (...) {
      doubts_[I].after_write(hash(key), true);
      throw;
    }
    if (stored || !mode.only_if_absent) doubts_[I].after_write(hash(key), !stored);
    return stored;
  }

  /// Writes of one key overlapped, so the tiers may differ; the slowest, which has one of the values, is right by definition.
  void keep_slowest_only(key_view key, untold* gone = nullptr) {
    bool slowest = true;
    slowest_first([&](auto at) {
      constexpr std::size_t i = at();
      if (!std::exchange(slowest, false)) erase_in<i>(key, gone);
    });
  }
  template <std::size_t I>
  bool erase_in(key_view key, untold* gone = nullptr) {
    if constexpr (queued<I>) {
      const auto waiting = queue<I>().look(key);
      const bool was = waiting.known ? waiting.value.has_value() : tier_at<I>()->contains(key);
      queue<I>().put(key_type(key), std::nullopt, 0);
      return was;
    } else {
      return erase_now<I>(key, gone);
    }
  }
  template <std::size_t I>
  bool erase_now(key_view key, untold* gone = nullptr) {
    const std::uint64_t before = failures<I>();
    const bool erased = with_departures<I>(gone, [&](auto& left) { return tier_at<I>()->erase_untold(key, left); });
    doubts_[I].after_write(hash(key), failures<I>() != before);  // it may be gone from the index and still be stored
    return erased;
  }
  template <class Which>
  std::size_t erase_everywhere(Which&& which) {
    const auto epochs = epochs_.write_all();
    const auto any = [](const key_type&) { return true; };  // the predicate is the user's and never runs under a lock
    flights_.supersede_if(any);
    std::size_t most = 0;
    slowest_first([&](auto at) {
      constexpr std::size_t i = at();
      const std::uint64_t before = failures<i>();
      std::size_t count = 0;
      if constexpr (queued<i>)
        count = erase_behind<i>(which);
      else
        count = tier_at<i>()->erase_if(which);
      if (failures<i>() != before) doubts_[i].after_clear(true);  // which entries it kept nobody knows
      most = count > most ? count : most;
    });
    flights_.supersede_if(any);
    return most;
  }

  /// The same in a tier that is written in the background: what is pending, and what is there with nothing pending for it.
  template <std::size_t I, class Which>
  std::size_t erase_behind(Which& which) {
    std::unordered_map<key_type, bool, key_hash, std::equal_to<>> seen(8, key_hash{this});  // whether it was a value
    for (const key_type& key : queue<I>().keys())
      if (which(key))
        if (const std::optional<bool> had = queue<I>().withdraw(key)) seen.emplace(key, *had);
    tier_at<I>()->erase_if([&](const key_type& key) {
      if (!which(key)) return false;
      seen.try_emplace(key, true);
      return true;
    });
    return static_cast<std::size_t>(std::count_if(seen.begin(), seen.end(), [](const auto& row) { return row.second; }));
  }

  /// Failures of a tier that may have kept it from doing what it was told.
  template <std::size_t I>
  std::uint64_t failures() const noexcept {
    const error_counts counts = tier_at<I>()->errors();
    return counts.total() - counts[error_cause::listener];
  }
  /// f(departures) with those that are told later, or with its own, which are told at once.
  template <std::size_t I, class F>
  bool with_departures(untold* gone, F&& f) {
    if (gone != nullptr) return f(std::get<I>(*gone));
    typename tier_type<I>::cache_type::departures left;
    const bool result = f(left);
    tier_at<I>()->engine_.tell(left);
    return result;
  }
  void tell(untold& gone) {
    slowest_first([&](auto at) {
      constexpr std::size_t i = at();
      tier_at<i>()->engine_.tell(std::get<i>(gone));
    });
  }

  template <class Loader>
  mapped_type load(Loader& loader, const key_type& key, const std::stop_token& stop) {
    const auto begin = std::chrono::steady_clock::now();
    const auto count = [&](sync::counter<true>& counter) {
      counter.add();
      time_.add(static_cast<std::uint64_t>(std::chrono::duration_cast<duration>(std::chrono::steady_clock::now() - begin).count()));
    };
    try {
      mapped_type value = sync::call_loader<mapped_type>(loader, key, stop);
      count(loads_);
      return value;
    } catch (...) {
      count(failures_);
      throw;
    }
  }

  std::tuple<Tiers...> tiers_;
  sync::counter<true> hits_, misses_, promotions_, loads_, failures_, joined_, time_;
  sync::write_epochs epochs_;
  std::array<sync::doubted_keys, tier_count> doubts_;
  sync::single_flight<key_type, std::optional<mapped_type>, key_hash> flights_{key_hash{this}};
  std::array<std::unique_ptr<queue_type>, tier_count> queues_;  // last: their threads write to the tiers
};

template <class... Arguments>
tiered(Arguments&&...) -> tiered<typename core::tier_from<Arguments>::type...>;

}  // namespace larder
