// Shards are chosen by bits of the hash; ghosts must not rest on the same bits, or they find little in a cache of many shards.
#include <larder/cache.hpp>
#include <larder/eviction/arc.hpp>
#include <larder/eviction/lirs.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/sync/sharded.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>

namespace {

/// Of 100'000 skewed requests for 40'000 keys to a cache of 4000, after as many to warm it up.
template <class Policy, std::size_t Shards>
double miss_ratio() {
  larder::cache<int, int, Policy, larder::max_entries, larder::sharded<Shards>> cache(Policy{}, larder::max_entries{4000});
  std::mt19937_64 random(1);
  constexpr int requests = 100'000;
  int misses = 0;
  for (int i = 0; i < 2 * requests; ++i) {
    const double even = static_cast<double>(random() % 1'000'000) / 1e6;
    const int key = static_cast<int>(40'000 * even * even * even);
    if (cache.get(key)) continue;
    cache.put(key, key);
    misses += i >= requests ? 1 : 0;
  }
  return static_cast<double>(misses) / requests;
}

}  // namespace

TEST_CASE_TEMPLATE("an order with ghosts misses as often in 32 shards as in one", Policy, larder::s3_fifo, larder::arc,
                   larder::lirs) {
  const double in_one = miss_ratio<Policy, 1>();
  CHECK(in_one < 0.62);
  CHECK(miss_ratio<Policy, 32>() == doctest::Approx(in_one).epsilon(0.02));
}
