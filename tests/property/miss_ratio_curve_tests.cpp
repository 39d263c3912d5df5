// While all keys are followed, the curve is the hit ratio of a naive LRU cache at each of its capacities: equal, not near.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/weigher.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "naive_lru.hpp"

namespace {

using larder::hit_ratio_curve;

struct weigh {
  std::uint64_t operator()(std::uint64_t, const std::string& value) const { return value.size(); }
};

/// The caches at all capacities of the curve, all asked the same.
class naive_caches {
 public:
  explicit naive_caches(std::uint64_t capacity) {
    for (std::size_t i = 0; i < hit_ratio_curve::points; ++i) caches_.emplace_back(hit_ratio_curve::capacity_at(capacity, i));
  }
  template <class F>
  void each(F&& f) {
    for (model::naive_lru& cache : caches_) f(cache);
  }
  void compare(const hit_ratio_curve& curve) const {
    for (std::size_t i = 0; i < caches_.size(); ++i) {
      const double exact = caches_[i].hit_ratio();
      if (!(curve.hit_ratios[i] > exact - 1e-9 && curve.hit_ratios[i] < exact + 1e-9))
        RC_FAIL("at " + std::to_string(i) + ": " + std::to_string(curve.hit_ratios[i]) + " and not " + std::to_string(exact));
    }
  }

 private:
  std::vector<model::naive_lru> caches_;
};

/// How values may change in size, and whether keys are erased.
struct liberties {
  std::uint64_t heaviest;
  bool new_sizes;
  bool erasures;
  bool all_weigh_one = false;
};

template <class Cache>
void follows_naive_caches(Cache& cache, std::uint64_t capacity, const liberties& how) {
  naive_caches naive(capacity);
  std::map<std::uint64_t, std::uint64_t> weights;
  const auto keys = *rc::gen::inRange<std::uint32_t>(1, 12 * static_cast<std::uint32_t>(capacity) + 2);
  const auto steps = *rc::gen::resize(
      500, rc::gen::container<std::vector<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>>>(
               rc::gen::tuple(rc::gen::inRange<std::uint32_t>(0, 1U << 30U), rc::gen::inRange<std::uint32_t>(0, 100),
                              rc::gen::inRange<std::uint32_t>(0, 1U << 30U))));
  for (const auto& [choice, action, size] : steps) {
    const std::uint64_t key = choice % keys % (1 + choice / 7 % keys);  // small keys more often
    const auto fresh = [&, chosen = std::uint64_t{size}] { return chosen % (how.heaviest + 1); };
    std::uint64_t length = weights.try_emplace(key, fresh()).first->second;
    const auto weight = [&] { return how.all_weigh_one ? 1 : length; };
    if (action < 70) {
      cache.get_or_load(key, [&] { return std::string(length, 'x'); });
      naive.each([&](model::naive_lru& c) {
        if (!c.look_up(key)) c.put(key, weight());
      });
    } else if (action < 80) {
      if (how.new_sizes) length = weights[key] = fresh();
      cache.put(key, std::string(length, 'y'));
      naive.each([&](model::naive_lru& c) { c.put(key, weight()); });
    } else if (action < 90 && how.erasures) {
      cache.erase(key);
      naive.each([&](model::naive_lru& c) { c.erase(key); });
    } else if (action == 90 && how.erasures && size % 4 == 0) {
      cache.clear();
      naive.each([](model::naive_lru& c) { c.clear(); });
    } else if (action < 95) {
      cache.peek(key);
      cache.contains(key);
    } else {  // nobody ever puts these
      cache.get(1'000'000 + key);
      naive.each([&](model::naive_lru& c) { c.look_up(1'000'000 + key); });
    }
  }
  const auto stats = cache.stats();
  RC_ASSERT(stats.curve.has_value());
  RC_ASSERT(stats.curve->look_ups == stats.hits + stats.misses);
  RC_ASSERT(stats.curve->sampled == stats.curve->look_ups);
  RC_ASSERT(stats.curve->sampling_rate == 1.0);
  naive.compare(*stats.curve);
}

template <class Order>
bool counts_entries() {
  return rc::check([] {
    const std::uint64_t capacity = *rc::gen::inRange<std::uint64_t>(1, 40);
    larder::cache<std::uint64_t, std::string, Order, larder::max_entries, larder::miss_ratio_curve, larder::unsynchronized> cache{
        larder::max_entries{capacity}};
    follows_naive_caches(cache, capacity, {3, true, true, true});
  });
}

}  // namespace

TEST_CASE("the curve of entries is exact at every capacity, whatever is put and erased") { CHECK(counts_entries<larder::lru>()); }

TEST_CASE("the curve does not depend on the order that the cache has") { CHECK(counts_entries<larder::clock>()); }

TEST_CASE("the curve of bytes is exact with values of any size, larger than the cache too") {
  CHECK(rc::check([] {
    const std::uint64_t capacity = *rc::gen::inRange<std::uint64_t>(1, 100);
    larder::cache<std::uint64_t, std::string, larder::lru, larder::max_bytes, larder::miss_ratio_curve, larder::sharded<1>> cache{
        larder::max_bytes{capacity}};
    follows_naive_caches(cache, capacity, {*rc::gen::inRange<std::uint64_t>(0, 10 * capacity), false, false});
  }));
}

TEST_CASE("the curve of bytes is exact with erasures and new sizes up to an eighth of the cache") {
  CHECK(rc::check([] {
    const std::uint64_t capacity = *rc::gen::inRange<std::uint64_t>(8, 100);
    larder::cache<std::uint64_t, std::string, larder::lru, larder::max_bytes, larder::miss_ratio_curve, larder::unsynchronized>
        cache{larder::max_bytes{capacity}};
    follows_naive_caches(cache, capacity, {capacity / 8, true, true});
  }));
}

TEST_CASE("the curve of weights is exact, and measured before entries are") {
  CHECK(rc::check([] {
    const std::uint64_t capacity = *rc::gen::inRange<std::uint64_t>(8, 100);
    larder::cache<std::uint64_t, std::string, larder::lru, larder::max_weight, larder::max_entries, larder::weigher<weigh>,
                  larder::miss_ratio_curve>
        cache{larder::max_weight{capacity}, larder::max_entries{100'000}, larder::weigher{weigh{}}};
    follows_naive_caches(cache, capacity, {capacity / 8, true, true});
  }));
}
