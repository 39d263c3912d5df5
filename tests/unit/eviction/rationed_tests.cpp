// Large caches tell some orders of a part of the uses only: how far that takes them from the exact algorithm, and that
// exact<P> is the exact algorithm.

#include "order_host.hpp"

#include <larder/cache.hpp>
#include <larder/eviction/arc.hpp>
#include <larder/eviction/exact.hpp>
#include <larder/eviction/gdsf.hpp>
#include <larder/eviction/lfu.hpp>
#include <larder/eviction/lirs.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/eviction/w_tinylfu.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

constexpr std::size_t capacity = 5000;

/// Skewed use of many keys, in between a scan, a loop a little longer than the cache, and a shift to other keys.
std::vector<int> requests() {
  std::mt19937_64 random(4);
  std::vector<double> cumulative;
  double sum = 0;
  for (int i = 1; i <= 50'000; ++i) cumulative.push_back(sum += std::pow(i, -0.9));
  std::uniform_real_distribution<double> uniform(0, sum);
  const auto skewed = [&] { return static_cast<int>(std::lower_bound(cumulative.begin(), cumulative.end(), uniform(random)) - cumulative.begin()); };
  std::vector<int> all;
  for (int i = 0; i < 150'000; ++i) all.push_back(skewed());
  for (int i = 0; i < 20'000; ++i) all.push_back(100'000 + i);
  for (int i = 0; i < 60'000; ++i) all.push_back(i % 3 == 0 ? 200'000 + i / 3 % 5500 : skewed());
  for (int i = 0; i < 150'000; ++i) all.push_back(300'000 + skewed());
  return all;
}

template <class Policy>
using cache_of = larder::cache<int, char, Policy, larder::max_entries, larder::unsynchronized>;

/// Whether each request hits.
template <class Policy>
std::vector<bool> hits_of(const std::vector<int>& keys) {
  cache_of<Policy> cache(larder::max_entries{capacity});
  std::vector<bool> hits;
  for (const int key : keys) {
    hits.push_back(cache.get(key).has_value());
    if (!hits.back()) cache.put(key, 'x');
  }
  return hits;
}
/// The same over the order alone, told of every use.
template <class Policy>
std::vector<bool> hits_of_order(const std::vector<int>& keys) {
  eviction_tests::keyed_order<Policy> order(capacity + 1);
  std::set<int> in;
  std::vector<bool> hits;
  for (const int key : keys) {
    hits.push_back(in.contains(key));
    if (hits.back()) {
      order.hit(key);
      continue;
    }
    if (in.size() == capacity) in.erase(order.evict_for(key));
    order.insert(key);
    in.insert(key);
  }
  return hits;
}
double ratio(const std::vector<bool>& hits) {
  return static_cast<double>(std::count(hits.begin(), hits.end(), true)) / static_cast<double>(hits.size());
}

}  // namespace

TEST_CASE("exact<P> is told of every use, in large caches too") {
  const std::vector<int> keys = requests();
  CHECK(hits_of<larder::exact<larder::arc>>(keys) == hits_of_order<larder::arc>(keys));
  CHECK(hits_of<larder::exact<larder::lirs>>(keys) == hits_of_order<larder::lirs>(keys));
  CHECK(hits_of<larder::exact<larder::lfu>>(keys) == hits_of_order<larder::lfu>(keys));
  CHECK(hits_of<larder::exact<larder::gdsf>>(keys) == hits_of_order<larder::gdsf>(keys));
}

TEST_CASE("rationed uses cost less than half a percent of hits") {
  const std::vector<int> keys = requests();
  int changed = 0;
  const auto costs = [&]<class Policy>(Policy) {
    const std::vector<bool> exact = hits_of<larder::exact<Policy>>(keys);
    const std::vector<bool> rationed = hits_of<Policy>(keys);
    changed += exact != rationed ? 1 : 0;
    CHECK(ratio(rationed) >= ratio(exact) - 0.005);
  };
  costs(larder::arc{});
  costs(larder::lirs{});
  costs(larder::lfu{});
  costs(larder::w_tinylfu{});
  costs(larder::gdsf{});
  CHECK(changed >= 2);  // or nothing was rationed
}

TEST_CASE("an order that is told of every use in any case stays what it is") {
  static_assert(larder::eviction_policy<larder::exact<larder::lru>>);
  static_assert(larder::core::rationed_uses<larder::lirs> != 0);
  static_assert(larder::core::rationed_uses<larder::exact<larder::lirs>> == 0);
  static_assert(larder::core::rationed_uses<larder::lru> == 0);
  auto cache = larder::make_cache<std::string, int>(larder::exact<larder::lru>{}, larder::max_entries{2});
  cache.put("a", 1);
  cache.put("b", 2);
  CHECK(cache.get("a"));
  cache.put("c", 3);
  CHECK_FALSE(cache.contains("b"));
  auto windowed = larder::make_cache<int, int>(larder::exact<larder::w_tinylfu>{{.fixed_window = true}}, larder::max_entries{2});
  CHECK(windowed.put(1, 1));
}
