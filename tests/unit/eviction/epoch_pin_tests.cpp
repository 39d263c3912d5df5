#include <larder/eviction/epoch_pin.hpp>

#include <doctest/doctest.h>
#include <larder/cache.hpp>
#include <larder/core/concepts.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <random>
#include <type_traits>
#include <vector>

#include "reference_run.hpp"

namespace {

using reference_run::key;

static_assert(larder::eviction_policy<larder::epoch_pin>);
static_assert(larder::core::has_concurrent_hits<larder::epoch_pin>);
static_assert(std::is_empty_v<larder::epoch_pin::state>);

struct naive_epoch_pin {
  void insert(key, larder::entry_info) {}
  void hit(key) {}
  void erase(key) {}
  void evict(key) {}
  std::optional<key> victim() const { return std::nullopt; }
};

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

TEST_CASE("epoch_pin refuses what a naive reference refuses, request by request") {
  CHECK(reference_run::differs(larder::epoch_pin{}, naive_epoch_pin{}) == "");
  CHECK(reference_run::differs(larder::epoch_pin{}, naive_epoch_pin{}, 9) == "");
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

TEST_CASE("a lower capacity takes effect as entries leave") {
  pin_cache cache(larder::max_entries{4});
  for (const int k : {1, 2, 3, 4}) cache.put(k, k);
  cache.set_capacity(larder::max_entries{2});
  CHECK(cache.size() == 4);
  for (const int k : {1, 2}) cache.erase(k);
  CHECK_FALSE(cache.put(5, 5));
  cache.erase(3);
  CHECK(cache.put(5, 5));
  CHECK(cache.size() == 2);
}
