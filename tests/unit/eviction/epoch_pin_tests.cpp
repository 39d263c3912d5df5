#include <larder/eviction/epoch_pin.hpp>

#include <doctest/doctest.h>
#include <larder/cache.hpp>
#include <larder/core/concepts.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/sync/unsynchronized.hpp>
#include <larder/testing/eviction_conformance.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace {

static_assert(larder::eviction_policy<larder::epoch_pin>);
static_assert(larder::core::has_concurrent_hits<larder::epoch_pin>);
static_assert(!larder::core::evicts_for_puts<larder::epoch_pin> && larder::core::evicts_for_puts<larder::lru>);
static_assert(sizeof(larder::epoch_pin::state) == 8);

using pin_cache = larder::cache<int, int, larder::epoch_pin, larder::max_entries>;

int loads_of(pin_cache& cache, const std::vector<int>& keys) {
  int loads = 0;
  for (const int k : keys) {
    const int value = cache.get_or_load(k, [&](const int& wanted) {
      ++loads;
      return 10 * wanted;
    });
    CHECK(value == 10 * k);
  }
  return loads;
}

int passes(int layers, std::uint64_t room, int count) {
  pin_cache cache(larder::max_entries{room});
  std::vector<int> keys(static_cast<std::size_t>(layers));
  std::iota(keys.begin(), keys.end(), 0);
  int loads = 0;
  for (int pass = 0; pass < count; ++pass) loads += loads_of(cache, keys);
  return loads;
}

}  // namespace

TEST_CASE("epoch_pin keeps what a naive reference keeps, request by request") {
  CHECK(larder::testing::check_eviction<larder::epoch_pin>().passed());
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    std::mt19937_64 random(seed);
    std::uint64_t room = 12;
    larder::cache<int, int, larder::epoch_pin, larder::max_entries, larder::unsynchronized> cache(larder::max_entries{room});
    std::vector<std::pair<int, int>> kept;  // in the order of arrival
    for (int step = 0; step < 5000; ++step) {
      const int k = static_cast<int>(random() % 30);
      const auto at = std::find_if(kept.begin(), kept.end(), [k](const auto& row) { return row.first == k; });
      const bool there = at != kept.end();
      switch (random() % 20) {
        case 0:
          room = random() % 14 + 1;
          cache.set_capacity(room);
          if (kept.size() > room) kept.resize(room);
          break;
        case 1:
        case 2:
        case 3:
          if (there) kept.erase(at);
          CHECK(cache.erase(k) == there);
          break;
        case 4:
        case 5:
        case 6:
        case 7:
        case 8:
          if (there) kept.erase(at);  // a replacement comes anew
          CHECK(cache.put(k, step) == (kept.size() < room));
          if (kept.size() < room) kept.emplace_back(k, step);
          break;
        default:
          CHECK(cache.get(k) == (there ? std::optional<int>(at->second) : std::nullopt));
      }
      CHECK(cache.size() == kept.size());
    }
  }
}

TEST_CASE("a full cache of many shards refuses as well, from any thread's put") {
  larder::cache<int, int, larder::epoch_pin, larder::max_entries, larder::sharded<8>> cache(larder::max_entries{100});
  std::vector<int> kept;
  for (int k = 0; k < 1000; ++k)
    if (cache.put(k, k)) kept.push_back(k);
  CHECK(kept.size() == 100);
  CHECK(kept.back() == 99);
  CHECK(cache.stats().refused == 900);
  CHECK(cache.stats().evictions == 0);
  cache.set_capacity(40);
  CHECK(cache.size() == 40);
  CHECK(cache.stats().evictions == 60);
  CHECK_FALSE(cache.put(2000, 1));
}

TEST_CASE("epoch_pin keeps what came first, refuses the rest and says so") {
  pin_cache cache(larder::max_entries{2});
  CHECK(cache.put(1, 1));
  CHECK(cache.put(2, 2));
  CHECK_FALSE(cache.put(3, 3));
  CHECK(cache.put(2, 20));
  CHECK(cache.get(1) == 1);
  CHECK(cache.get(2) == 20);
  CHECK_FALSE(cache.contains(3));
  CHECK(cache.stats().evictions == 0);
  CHECK(cache.stats().refused == 1);

  CHECK(cache.erase(1));
  CHECK(cache.put(3, 3));
  CHECK_FALSE(cache.put(1, 1));
}

TEST_CASE("passes load each layer that found no room once per pass") {
  CHECK(passes(4, 3, 3) == 6);
  CHECK(passes(4, 2, 3) == 8);
  CHECK(passes(12, 4, 10) == 84);
  CHECK(passes(12, 8, 10) == 48);
}

TEST_CASE("epochs in random order hit exactly as often as there is room") {
  std::mt19937_64 random(5);
  std::vector<int> keys(500);
  std::iota(keys.begin(), keys.end(), 0);
  pin_cache cache(larder::max_entries{200});
  CHECK(loads_of(cache, keys) == 500);
  for (int epoch = 0; epoch < 5; ++epoch) {
    std::shuffle(keys.begin(), keys.end(), random);
    CHECK(loads_of(cache, keys) == 300);
  }
}

TEST_CASE("a lower capacity takes effect at once, on who came last") {
  pin_cache cache(larder::max_entries{4});
  for (const int k : {1, 2, 3, 4}) cache.put(k, k);
  cache.set_capacity(larder::max_entries{2});
  CHECK(cache.size() == 2);
  CHECK(cache.contains(1));
  CHECK(cache.contains(2));
  CHECK_FALSE(cache.put(5, 5));
  cache.erase(1);
  CHECK(cache.put(5, 5));
  CHECK(cache.size() == 2);
}
