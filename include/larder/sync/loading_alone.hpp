#pragma once

#include <larder/core/key_view.hpp>
#include <larder/core/stats.hpp>
#include <larder/sync/bypassable.hpp>
#include <larder/sync/context_hash.hpp>
#include <larder/sync/load_lease.hpp>
#include <larder/sync/load_refused.hpp>
#include <larder/sync/load_runner.hpp>
#include <larder/sync/loaded_entry.hpp>
#include <larder/sync/read_until.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::sync {

/// The loading half of an `unsynchronized` cache. Loads nest, since loaders may load, and never overlap: so there is nobody
/// to wait for, and no lock and no atomic in here. A key that is being loaded is in a table, which refuses to load it again
/// from within; a put, erase or clear takes it out, and then what was loaded is returned but not stored.
template <class Key, class Value, class Context, class Cache>
class loading_alone {
 public:
  using key_view = core::key_view<Key>;

  explicit loading_alone(const Context& context) : places_(8, context_hash<Key, Context>{&context}), runner_(context.latency()) {}

  template <class Loader>
  Value get(Cache& cache, key_view key, Loader& loader, const std::stop_token& stop) {
    const bool without_storage = bypasses(cache.engine_);
    if (!without_storage)
      if (std::optional<Value> found = find_until<Value>(stop, cache.engine_, cache.engine_.locate(key), Cache::look::use))
        return std::move(*found);
    return fly(cache, key, loader, stop, without_storage);
  }

  template <class Keys, class BatchLoader>
  std::vector<Value> get_many(Cache& cache, const Keys& keys, BatchLoader& batch_loader) {
    struct wanted {
      std::optional<Value> value;
      std::size_t place = 0;  // in the batch
    };
    std::vector<wanted> rows;
    flight mine(*this);
    for (const auto& key : keys) {
      wanted row{cache.find(key, Cache::look::use)};
      if (!row.value) row.place = mine.take(key);
      rows.push_back(std::move(row));
    }
    std::vector<std::optional<Value>> loaded(mine.keys().size());
    if (!mine.keys().empty()) load_batch(cache, mine, batch_loader, loaded);
    std::vector<Value> values;
    values.reserve(rows.size());
    for (wanted& row : rows) values.push_back(row.value ? std::move(*row.value) : *loaded[row.place]);
    return values;
  }

  void supersede(key_view key) noexcept {
    if (places_.empty()) return;
    if (const auto at = places_.find(key); at != places_.end()) places_.erase(at);
  }
  template <class Which>
  void supersede_if(Which&& which) {
    std::erase_if(places_, [&](const auto& row) { return which(row.first); });
  }

  void add_to(cache_stats& stats) const noexcept { runner_.add_to(stats); }
  void reset_stats() noexcept { runner_.reset(); }

 private:
  /// Where a key that is being loaded stands: in which flight, and at which place of it.
  struct place {
    std::uint64_t flight;
    std::size_t index;
  };

  /// The keys that one call loads.
  class flight {
   public:
    explicit flight(loading_alone& owner) noexcept : owner_(owner), number_(++owner.last_flight_) {}
    flight(const flight&) = delete;
    flight& operator=(const flight&) = delete;
    ~flight() {
      for (const Key& key : keys_)
        if (owns(key)) owner_.places_.erase(key);
    }

    const std::vector<Key>& keys() const noexcept { return keys_; }
    /// The place of the key in this flight, which takes it along when nobody loads it yet.
    std::size_t take(key_view key) {
      keys_.emplace_back(key);
      const auto [at, fresh] = owner_.places_.try_emplace(keys_.back(), place{number_, keys_.size() - 1});
      if (!fresh) {
        if (at->second.flight != number_) refuse_reentrant();
        keys_.pop_back();
      }
      return at->second.index;
    }
    /// Whether the key is still this flight's: nothing wrote it.
    bool owns(const Key& key) const {
      const auto at = owner_.places_.find(key);
      return at != owner_.places_.end() && at->second.flight == number_;
    }

   private:
    loading_alone& owner_;
    const std::uint64_t number_;
    std::vector<Key> keys_;
  };

  /// Apart from the look-up, so that hits stay small.
  template <class Loader>
  Value fly(Cache& cache, key_view key, Loader& loader, const std::stop_token& stop, bool without_storage) {
    refuse_when_stopped(stop);
    flight mine(*this);
    const Key& owned = mine.keys()[mine.take(key)];
    const auto at = cache.engine_.locate(owned);
    auto lease = lease_of(cache.engine_, at);
    if constexpr (leasing<decltype(Cache::engine_)>)
      if (std::optional<Value> found = wait_for_turn(
              lease, stop, [&] { return find_until<Value>(stop, cache.engine_, at, Cache::look::peek); },
              [&] { cache.engine_.count_join(at); }))
        return std::move(*found);
    Value value = measured_load(cache.engine_, [&] { return runner_.template one<Value>(loader, owned, stop); });
    if (!without_storage) land(cache, mine, at, owned, value, lease);
    return value;
  }

  template <class BatchLoader>
  void load_batch(Cache& cache, const flight& mine, BatchLoader& batch_loader, std::vector<std::optional<Value>>& loaded) {
    const std::vector<Key>& all = mine.keys();
    if constexpr (leasing<decltype(Cache::engine_)>) {
      load_in_turns(
          cache.engine_, all, [&](std::size_t i) { return cache.find(all[i], Cache::look::peek); },
          [&](std::size_t i, const Value& value) { loaded[i].emplace(value); },
          [&](auto& turns) {
            std::vector<Key> some;
            for (const auto& turn : turns) some.push_back(all[turn.index]);
            auto turn = turns.begin();
            for (auto&& each : runner_.batch(batch_loader, some)) {
              loaded[turn->index].emplace(std::forward<decltype(each)>(each));
              land(cache, mine, cache.engine_.locate(all[turn->index]), all[turn->index], *loaded[turn->index], turn->lease);
              ++turn;
            }
          },
          [&](std::size_t i) { cache.engine_.count_join(cache.engine_.locate(all[i])); });
    } else {
      no_lease none;
      std::size_t i = 0;
      for (auto&& each : runner_.batch(batch_loader, all)) {
        loaded[i].emplace(std::forward<decltype(each)>(each));
        land(cache, mine, cache.engine_.locate(all[i]), all[i], *loaded[i], none);
        ++i;
      }
    }
  }

  /// Stores what was loaded, unless the key was written; what a weigher writes counts as well.
  template <class Address, class Lease>
  static void land(Cache& cache, const flight& mine, const Address& at, const Key& key, const Value& value, Lease& lease) {
    if (!mine.owns(key)) return;
    loaded_entry entry(cache.engine_, cache.context_.errors(), at);
    entry.store(value, typename Cache::write_mode{.only_if_absent = true, .lease = lease.to_store()});
    if (!mine.owns(key)) entry.take_back();
    lease.release();  // before the listener is told
  }

  std::unordered_map<Key, place, context_hash<Key, Context>, std::equal_to<>> places_;
  std::uint64_t last_flight_ = 0;
  load_runner<false, decltype(std::declval<const Context&>().latency())> runner_;
};

}  // namespace larder::sync
