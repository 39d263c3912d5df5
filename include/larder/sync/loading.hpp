#pragma once

#include <larder/core/concepts.hpp>
#include <larder/core/key_view.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/refresh_after_write.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/single_flight.hpp>
#include <larder/sync/worker_pool.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::sync {

/// Calls a loader in whichever of its forms it has.
template <class Value, class Loader, class Key>
Value call_loader(Loader& loader, const Key& key, const std::stop_token& stop) {
  if constexpr (std::invocable<Loader&, const Key&, std::stop_token>) {
    return loader(key, stop);
  } else if constexpr (std::invocable<Loader&, const Key&>) {
    return loader(key);
  } else {
    static_assert(std::invocable<Loader&>, "larder: a loader is called as loader(key), loader(key, stop_token) or loader()");
    return loader();
  }
}

/// The loading half of a cache: single flight, batches, background refresh. `Cache` lends its engine; a put, erase or
/// clear tells it here first.
template <class Key, class Value, class Cache>
class loading {
 public:
  using key_view = core::key_view<Key>;

  template <class Context>
  explicit loading(const Context& context) : flights_(key_hash{&context, &hash_in<Context>}) {}

  template <class Loader>
  Value get(Cache& cache, key_view key, Loader& loader, const std::stop_token& stop) {
    std::optional<Value> found;
    bool stale = false;
    const auto at = cache.engine_.locate(key);
    cache.engine_.read(at, Cache::look::use, [&](const Value& value, instant written) {
      found.emplace(value);
      stale = refresh_due(cache, written);
    });
    if (found) {
      if constexpr (refreshes<Cache>)
        if (stale) renew(cache, key, loader);
      return std::move(*found);
    }
    if (stop.stop_requested()) core::fail(error_cause::cancelled, "a load was not begun because a stop was requested");
    Key owned(key);
    const auto [flown, led] = flights_.join_or_lead(owned);
    if (!led) {
      cache.engine_.count_join(at);
      return flights_.wait(flown, stop);
    }
    return fly(cache, owned, flown, [&] { return call_loader<Value>(loader, owned, stop); });
  }

  template <class Loader>
  std::future<Value> get_async(Cache& cache, Key key, Loader loader) {
    auto promise = std::make_shared<std::promise<Value>>();
    std::future<Value> future = promise->get_future();
    workers_.post([this, &cache, promise, key = std::move(key), loader = std::make_shared<Loader>(std::move(loader))] {
      try {
        promise->set_value(get(cache, key, *loader, {}));
      } catch (...) {
        promise->set_exception(std::current_exception());
      }
    });
    return future;
  }

  template <class Keys, class BatchLoader>
  std::vector<Value> get_many(Cache& cache, const Keys& keys, BatchLoader& batch_loader) {
    struct wanted {
      std::optional<Value> value;
      typename flights_type::handle flown;
    };
    std::vector<wanted> rows;
    std::vector<Key> mine;  // the keys that this call leads, and their flights
    std::vector<typename flights_type::handle> flown;
    try {
      for (const auto& key : keys) {
        wanted row;
        const auto at = cache.engine_.locate(key);
        cache.engine_.read(at, Cache::look::use, [&](const Value& value, instant) { row.value.emplace(value); });
        if (!row.value) {
          Key owned(key);
          auto [handle, led] = flights_.join_or_lead(owned);
          row.flown = handle;
          if (led) {
            flown.push_back(handle);
            mine.push_back(std::move(owned));
          } else if (std::find(flown.begin(), flown.end(), handle) == flown.end()) {
            cache.engine_.count_join(at);
          }
        }
        rows.push_back(std::move(row));
      }
      land_batch(cache, mine, flown, batch_loader);
    } catch (...) {
      for (std::size_t i = 0; i < flown.size(); ++i) flights_.fail(mine[i], flown[i], std::current_exception());
      throw;
    }
    std::vector<Value> values;
    values.reserve(rows.size());
    for (wanted& row : rows) values.push_back(row.value ? std::move(*row.value) : flights_.wait(row.flown));
    return values;
  }

  void supersede(key_view key) noexcept { flights_.supersede(key); }
  template <class Which>
  void supersede_if(Which&& which) {
    flights_.supersede_if(which);
  }

  void add_to(cache_stats& stats) const noexcept {
    stats.loads = loads_.load();
    stats.load_failures = failures_.load();
    stats.load_time = duration{static_cast<duration::rep>(time_.load())};
  }
  void reset_stats() noexcept {
    loads_.store(0);
    failures_.store(0);
    time_.store(0);
  }

 private:
  struct key_hash {
    using is_transparent = void;
    const void* context;
    std::uint64_t (*function)(const void*, key_view);
    std::size_t operator()(key_view key) const { return static_cast<std::size_t>(function(context, key)); }
  };
  template <class Context>
  static std::uint64_t hash_in(const void* context, key_view key) {
    return static_cast<const Context*>(context)->hash(key);
  }
  using flights_type = single_flight<Key, Value, key_hash>;

  template <class C>
  static constexpr bool refreshes = C::set::template count<axis::refresh> != 0;

  static bool refresh_due(Cache& cache, instant written) {
    if constexpr (refreshes<Cache>)
      return cache.context_.now() - written > cache.context_.policies().template get<refresh_after_write>().value;
    else
      return false;
  }

  /// Runs `load` timed and counted.
  template <class Load>
  auto timed(Load&& load) {
    const auto begin = std::chrono::steady_clock::now();
    const auto spent = [&] {
      return static_cast<std::uint64_t>(std::chrono::duration_cast<duration>(std::chrono::steady_clock::now() - begin).count());
    };
    try {
      auto loaded = load();
      time_.add(spent());
      return loaded;
    } catch (...) {
      time_.add(spent());
      failures_.add();
      throw;
    }
  }

  /// Leads a flight: looks once more (somebody may just have landed), loads, stores, tells the waiters.
  template <class Load>
  Value fly(Cache& cache, const Key& key, const typename flights_type::handle& flown, Load&& load) {
    typename Cache::departures gone;
    std::optional<Value> value;
    try {
      const auto at = cache.engine_.locate(key);
      cache.engine_.read(at, Cache::look::peek, [&](const Value& v, instant) { value.emplace(v); });
      if (value) {
        flights_.land(key, flown, *value, [](const Value&) {});
        return std::move(*value);
      }
      value.emplace(timed(load));
      loads_.add();
      flights_.land(key, flown, *value, [&](const Value& v) { keep(cache, key, v, {.only_if_absent = true}, gone); });
    } catch (...) {
      flights_.fail(key, flown, std::current_exception());
      throw;
    }
    cache.engine_.tell(gone);
    return std::move(*value);
  }

  template <class BatchLoader>
  void land_batch(Cache& cache, const std::vector<Key>& mine, std::vector<typename flights_type::handle>& flown, BatchLoader& batch_loader) {
    if (mine.empty()) return;
    auto loaded = timed([&] { return batch_loader(mine); });
    if (std::size(loaded) != mine.size()) {
      failures_.add();
      core::fail(error_cause::load, "a batch loader was asked for " + std::to_string(mine.size()) + " values and returned " +
                                        std::to_string(std::size(loaded)) + "; return one per key, in the keys' order");
    }
    std::size_t i = 0;
    for (auto&& each : loaded) {
      const Value value(std::forward<decltype(each)>(each));
      typename Cache::departures gone;
      loads_.add();
      flights_.land(mine[i], flown[i], value, [&](const Value& v) {
        keep(cache, mine[i], v, {.only_if_absent = true}, gone);
      });
      cache.engine_.tell(gone);
      ++i;
    }
  }

  /// Renews an entry in the background while the old value is served; a failure is reported and the old value stays.
  template <class Loader>
  void renew(Cache& cache, key_view key, Loader& loader) {
    static_assert(std::copy_constructible<std::remove_cvref_t<Loader>>,
                  "larder: refresh_after_write keeps a copy of the loader, so the loader must be copyable");
    Key owned(key);
    const auto flown = flights_.lead(owned);
    if (!flown) return;
    try {
      auto copy = std::make_shared<std::remove_cvref_t<Loader>>(loader);
      workers_.post([this, &cache, owned, flown, copy] { fly_behind(cache, owned, flown, *copy); });
    } catch (...) {  // the old value serves on
      cache.context_.errors().report_current(error_cause::load);
      flights_.fail(owned, flown, std::current_exception());
    }
  }
  template <class Loader>
  void fly_behind(Cache& cache, const Key& key, const typename flights_type::handle& flown, Loader& loader) {
    typename Cache::departures gone;
    try {
      flights_.take_over(flown);
      const Value value = timed([&] { return call_loader<Value>(loader, key, std::stop_token{}); });
      loads_.add();
      flights_.land(key, flown, value, [&](const Value& v) { keep(cache, key, v, {}, gone); });
    } catch (...) {
      cache.context_.errors().report_current(error_cause::load);
      flights_.fail(key, flown, std::current_exception());
    }
    cache.engine_.tell(gone);
  }

  /// Stores a loaded value. What a weigher throws is reported: the value itself is good and reaches everybody who waits.
  static void keep(Cache& cache, const Key& key, const Value& value, const typename Cache::write_mode& mode, typename Cache::departures& gone) {
    try {
      cache.engine_.write(cache.engine_.locate(key), Value(value), mode, gone);
    } catch (...) {
      cache.context_.errors().report_current(error_cause::load);
    }
  }

  static constexpr std::size_t most_workers = 64;

  flights_type flights_;
  counter<true> loads_;
  counter<true> failures_;
  counter<true> time_;
  worker_pool workers_{most_workers};
};

}  // namespace larder::sync
