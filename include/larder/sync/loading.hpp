#pragma once

#include <larder/core/concepts.hpp>
#include <larder/core/key_view.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/refresh_after_write.hpp>
#include <larder/sync/bypassable.hpp>
#include <larder/sync/context_hash.hpp>
#include <larder/sync/flight_batch.hpp>
#include <larder/sync/load_lease.hpp>
#include <larder/sync/load_refused.hpp>
#include <larder/sync/load_runner.hpp>
#include <larder/sync/loaded_entry.hpp>
#include <larder/sync/read_until.hpp>
#include <larder/sync/single_flight.hpp>
#include <larder/sync/worker_pool.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::sync {

/// The loading half of a cache for any number of threads: single flight, batches, background refresh. `Cache` lends its
/// engine; a put, erase or clear tells it here first.
template <class Key, class Value, class Context, class Cache>
class loading {
 public:
  using key_view = core::key_view<Key>;

  explicit loading(const Context& context) : flights_(context_hash<Key, Context>{&context}), runner_(context.latency()) {}

  template <class Loader>
  Value get(Cache& cache, key_view key, Loader& loader, const std::stop_token& stop) {
    std::optional<Value> found;
    bool stale = false;
    const auto at = cache.engine_.locate(key);
    const bool without_storage = bypasses(cache.engine_);
    if (!without_storage)
      read_until(stop, cache.engine_, at, Cache::look::use, [&](const Value& value, instant written) {
        found.emplace(value);
        stale = refresh_due(cache, written);
      });
    if (found) {
      if constexpr (refreshes)
        if (stale) renew(cache, key, *found, loader);
      return std::move(*found);
    }
    refuse_when_stopped(stop);
    const Key owned(key);
    const auto [flown, led] = flights_.join_or_lead(owned);
    if (!led) {
      cache.engine_.count_join(at);
      return wait(cache, flown, stop);
    }
    if (without_storage) return fly_past(cache, owned, flown, loader, stop);
    return fly(cache, owned, flown, loader, stop);
  }

  template <class Loader>
  std::future<Value> get_async(Cache& cache, Key key, Loader loader) {
    return workers_.post_promising(
        [this, &cache, key = std::move(key), loader = std::move(loader)]() mutable { return get(cache, key, loader, {}); });
  }

  template <class Keys, class BatchLoader>
  std::vector<Value> get_many(Cache& cache, const Keys& keys, BatchLoader& batch_loader) {
    flight_batch<Key, Value, flights_type> batch(flights_);
    batch.run([&] {
      for (const auto& key : keys) {
        const auto at = cache.engine_.locate(key);
        const auto take = [&](const Value& value, instant) { batch.add(value); };
        if (!cache.engine_.read(at, Cache::look::use, take) && batch.fly(Key(key)) == flight_role::waits)
          cache.engine_.count_join(at);
      }
      land_batch(cache, batch.keys(), batch.led(), batch_loader);
    });
    return batch.values([&](const flight& flown, const auto&) { return wait(cache, flown, {}); });
  }

  void supersede(key_view key) noexcept { flights_.supersede(key); }
  template <class Which>
  void supersede_if(Which&& which) {
    flights_.supersede_if(which);
  }

  void add_to(cache_stats& stats) const noexcept { runner_.add_to(stats); }
  void reset_stats() noexcept { runner_.reset(); }

 private:
  using flights_type = single_flight<Key, Value, context_hash<Key, Context>>;
  using flight = typename flights_type::handle;

  static constexpr bool refreshes = Context::set::template count<axis::refresh> != 0;

  static bool refresh_due(Cache& cache, instant written) {
    if constexpr (refreshes)
      return cache.context_.now() - written > cache.context_.policies().template get<refresh_after_write>().value;
    else
      return false;
  }

  /// Waits for somebody else's flight. Other processes are not waited for meanwhile, if that would keep a lease of the caller's.
  Value wait(Cache& cache, const flight& flown, const std::stop_token& stop) {
    [[maybe_unused]] const auto haste = haste_of(cache.engine_);
    return flights_.wait(flown, stop);
  }

  /// Leads a flight: looks once more (somebody may just have landed, here or in another process), loads, stores, tells the waiters.
  template <class Loader>
  Value fly(Cache& cache, const Key& key, const flight& flown, Loader& loader, const std::stop_token& stop) {
    try {
      const auto at = cache.engine_.locate(key);
      auto lease = lease_of(cache.engine_, at);
      std::optional<Value> value;
      const auto look_again = [&] { return find_until<Value>(stop, cache.engine_, at, Cache::look::peek); };
      if constexpr (leasing<decltype(Cache::engine_)>)
        value = wait_for_turn(lease, stop, look_again, [&] { cache.engine_.count_join(at); });
      else
        value = look_again();
      if (!value) refuse_when_stopped(stop);
      if (value) {
        flights_.land(key, flown, *value, [](const Value&) {});
      } else {
        value.emplace(load(cache, key, loader, stop));
        land(cache, at, key, flown, *value, lease, {.only_if_absent = true});
      }
      return std::move(*value);
    } catch (...) {
      flights_.fail(key, flown, std::current_exception());
      throw;
    }
  }

  /// Leads a flight that neither asks the storage nor stores in it, since loading is quicker.
  template <class Loader>
  Value fly_past(Cache& cache, const Key& key, const flight& flown, Loader& loader, const std::stop_token& stop) {
    try {
      Value value = load(cache, key, loader, stop);
      flights_.land(key, flown, value, [](const Value&) {});
      return value;
    } catch (...) {
      flights_.fail(key, flown, std::current_exception());
      throw;
    }
  }

  template <class Loader>
  Value load(Cache& cache, const Key& key, Loader& loader, const std::stop_token& stop) {
    return measured_load(cache.engine_, [&] { return runner_.template one<Value>(loader, key, stop); });
  }

  template <class BatchLoader>
  void land_batch(Cache& cache, const std::vector<Key>& mine, const std::vector<flight>& flown, BatchLoader& batch_loader) {
    if (mine.empty()) return;
    if constexpr (leasing<decltype(Cache::engine_)>) {
      load_in_turns(
          cache.engine_, mine, [&](std::size_t i) { return cache.find(mine[i], Cache::look::peek); },
          [&](std::size_t i, const Value& value) { flights_.land(mine[i], flown[i], value, [](const Value&) {}); },
          [&](auto& turns) {
            std::vector<Key> some;
            if (turns.size() != mine.size())
              for (const auto& turn : turns) some.push_back(mine[turn.index]);
            load_batch(cache, some.empty() ? mine : some, batch_loader,
                       [&](std::size_t i) -> auto& { return flown[turns[i].index]; }, [&](std::size_t i) -> auto& { return turns[i].lease; });
          },
          [&](std::size_t i) { cache.engine_.count_join(cache.engine_.locate(mine[i])); });
    } else {
      no_lease none;
      load_batch(cache, mine, batch_loader, [&](std::size_t i) -> auto& { return flown[i]; }, [&](std::size_t) -> auto& { return none; });
    }
  }
  template <class BatchLoader, class FlightOf, class LeaseOf>
  void load_batch(Cache& cache, const std::vector<Key>& keys, BatchLoader& batch_loader, FlightOf&& flight_of, LeaseOf&& lease_of) {
    std::size_t i = 0;
    for (auto&& each : runner_.batch(batch_loader, keys)) {
      const Value value(std::forward<decltype(each)>(each));
      land(cache, cache.engine_.locate(keys[i]), keys[i], flight_of(i), value, lease_of(i), {.only_if_absent = true});
      ++i;
    }
  }

  /// Renews an entry in the background while the old value is served; a failure is reported and the old value stays.
  template <class Loader>
  void renew(Cache& cache, key_view key, const Value& old, Loader& loader) {
    static_assert(std::copy_constructible<std::decay_t<Loader>>,
                  "larder: refresh_after_write keeps a copy of the loader, so the loader must be copyable");
    Key owned(key);
    const auto flown = flights_.lead(owned);
    if (!flown) return;
    try {
      auto lease = lease_of(cache.engine_, cache.engine_.locate(owned));
      if (lease.is_busy()) return flights_.land(owned, flown, old, [](const Value&) {});  // another process renews it
      struct renewal {
        std::decay_t<Loader> loader;  // of a function its address
        [[no_unique_address]] decltype(lease) held;
      };
      std::shared_ptr<renewal> work(new renewal{loader, std::move(lease)});
      workers_.post([this, &cache, owned, flown, work] { fly_behind(cache, owned, flown, work->loader, work->held); });
    } catch (...) {  // the old value serves on
      cache.context_.errors().report_current(error_cause::load);
      flights_.fail(owned, flown, std::current_exception());
    }
  }
  template <class Loader, class Lease>
  void fly_behind(Cache& cache, const Key& key, const flight& flown, Loader& loader, Lease& lease) {
    try {
      flights_.take_over(flown);
      lease.take_over();
      const Value value = runner_.template one<Value>(loader, key, std::stop_token{});
      land(cache, cache.engine_.locate(key), key, flown, value, lease, {});
    } catch (...) {
      cache.context_.errors().report_current(error_cause::load);
      flights_.fail(key, flown, std::current_exception());
    }
    lease.release();
  }

  template <class Address, class Lease>
  void land(Cache& cache, const Address& at, const Key& key, const flight& flown, const Value& value, Lease& lease, typename Cache::write_mode mode) {
    mode.lease = lease.to_store();
    loaded_entry entry(cache.engine_, cache.context_.errors(), at);
    flights_.land(key, flown, value, [&](const Value& v) { entry.store(v, mode); }, [&] { entry.take_back(); });
    lease.release();  // before the listener is told
  }

  flights_type flights_;
  load_runner<true, decltype(std::declval<const Context&>().latency())> runner_;
  worker_pool<> workers_{most_loads};
};

}  // namespace larder::sync
