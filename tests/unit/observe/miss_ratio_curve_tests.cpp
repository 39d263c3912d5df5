#include <larder/larder.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

using namespace larder::literals;

namespace {

constexpr std::size_t today = larder::hit_ratio_curve::today;

template <class Cache>
larder::hit_ratio_curve curve_of(const Cache& cache) {
  const larder::cache_stats stats = cache.stats();
  REQUIRE(stats.curve.has_value());
  return *stats.curve;
}

/// Asks for 0, 1, ... keys - 1, so often.
template <class Cache>
void ask_in_turn(Cache& cache, int keys, int times) {
  for (int t = 0; t < times; ++t)
    for (int k = 0; k < keys; ++k) cache.get_or_load(k, [&] { return k; });
}

struct counting_weigher {
  std::atomic<int>* calls;
  std::uint64_t operator()(int, const std::string& value) const {
    ++*calls;
    return value.size();
  }
};

}  // namespace

TEST_CASE("a cache says how large it should be") {
  auto cache = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{100}, larder::miss_ratio_curve{});
  CHECK(cache.stats().advice().state == larder::advice_state::too_little_traffic);
  ask_in_turn(cache, 150, 100);
  CHECK(cache.stats().hit_rate() == 0.0);
  const larder::capacity_advice advice = cache.stats().advice();
  REQUIRE(advice);
  CHECK(advice.today.capacity == 100);
  CHECK(advice.today.hit_ratio == 0.0);
  CHECK(advice.doubled.capacity == 200);
  CHECK(advice.doubled.hit_ratio == doctest::Approx(0.99));
  CHECK(advice.text() ==
        "doubling to 200 entries would raise the hit ratio from 0.00 to 0.99; beyond 168 entries nothing is gained");

  cache.set_capacity(200);
  CHECK(cache.stats().advice().state == larder::advice_state::too_little_traffic);
  ask_in_turn(cache, 150, 1);
  cache.reset_stats();
  ask_in_turn(cache, 150, 100);
  CHECK(cache.stats().hit_rate() == 1.0);
  CHECK(cache.stats().advice().text() ==
        "nothing is gained beyond today's 200 entries (hit ratio 1.00); 168 entries would do as well");
}

TEST_CASE("a cache that nobody observes says what to name, and pays nothing") {
  auto cache = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{100});
  ask_in_turn(cache, 150, 100);
  CHECK_FALSE(cache.stats().curve.has_value());
  CHECK_FALSE(cache.stats().advice());
  CHECK(cache.stats().advice().text().find("larder::miss_ratio_curve{}") != std::string::npos);
  using observed = larder::cache<int, int, larder::lru, larder::max_entries, larder::miss_ratio_curve>;
  CHECK(sizeof(cache) < sizeof(observed));
  CHECK(std::is_empty_v<larder::miss_ratio_curve>);
}

TEST_CASE("every look-up that counts is counted once, whichever way it comes") {
  larder::cache<std::string, int, larder::lru, larder::max_entries, larder::miss_ratio_curve> cache{larder::max_entries{50}};
  cache.put("a", 1);
  cache.get("a");
  cache.visit("a", [](int) {});
  cache.get_many({"a", "b"});
  cache.get_or_load("a", [] { return 1; });
  cache.get_or_load("c", [] { return 1; });
  cache.get_or_load_many(std::vector<std::string>{"a", "d", "e"},
                         [](const std::vector<std::string>& missing) { return std::vector<int>(missing.size(), 1); });
  cache.get_or_load_async("a", [] { return 1; }).get();
  const larder::cache_stats stats = cache.stats();
  REQUIRE(stats.curve.has_value());
  CHECK(stats.hits == 6);
  CHECK(stats.misses == 4);
  CHECK(stats.curve->sampled == 10);
  CHECK(stats.curve->look_ups == 10);
  CHECK(stats.curve->hit_ratios[today] == doctest::Approx(0.6));
  cache.peek("a");
  cache.contains("a");
  cache.put("a", 2);
  cache.put_if_absent("a", 3);
  CHECK(curve_of(cache).sampled == 10);
}

TEST_CASE("a loader that throws leaves nothing that would hit") {
  larder::cache<int, int, larder::lru, larder::max_entries, larder::miss_ratio_curve, larder::unsynchronized> cache{
      larder::max_entries{50}};
  for (int i = 0; i < 3; ++i) CHECK_THROWS(cache.get_or_load(1, []() -> int { throw 1; }));
  CHECK(curve_of(cache).look_ups == 3);
  CHECK(curve_of(cache).hit_ratios.back() == 0.0);
}

TEST_CASE("what is dropped does not hit") {
  const auto filled = [] {
    auto cache = std::make_unique<larder::cache<std::string, int, larder::lru, larder::max_entries, larder::miss_ratio_curve>>(
        larder::max_entries{50});
    for (const char* key : {"a1", "a2", "b1"}) cache->put(key, 1);
    return cache;
  };
  const auto hits = [](auto& cache) {
    for (const char* key : {"a1", "a2", "b1"}) cache.get(key);
    CHECK(curve_of(cache).hit_ratios[today] == doctest::Approx(cache.stats().hit_rate()));
    return cache.stats().hits;
  };
  const auto all = filled();
  CHECK(hits(*all) == 3);
  const auto by_key = filled();
  by_key->erase("a1");
  CHECK(hits(*by_key) == 2);
  const auto by_prefix = filled();
  CHECK(by_prefix->erase_prefix("a") == 2);
  CHECK(hits(*by_prefix) == 1);
  const auto by_value = filled();
  CHECK(by_value->erase_if([](const std::string& key, int) { return key != "a2"; }) == 2);
  CHECK(hits(*by_value) == 1);
  const auto cleared = filled();
  cleared->clear();
  CHECK(hits(*cleared) == 0);
}

TEST_CASE("bytes count by their size") {
  larder::cache<int, std::string, larder::lru, larder::max_bytes, larder::miss_ratio_curve> cache{larder::max_bytes{4_KiB}};
  for (int t = 0; t < 200; ++t)
    for (int k = 0; k < 10; ++k) cache.get_or_load(k, [] { return std::string(600, 'x'); });
  const larder::capacity_advice advice = cache.stats().advice();
  REQUIRE(advice);
  CHECK(advice.unit == larder::capacity_unit::bytes);
  CHECK(advice.curve[3].capacity == 4_KiB);
  CHECK(advice.curve[3].hit_ratio == 0.0);  // six fit
  CHECK(advice.curve[4].hit_ratio > 0.99);
  CHECK(advice.text() == "doubling to 8 KiB would raise the hit ratio from 0.00 to 1.00; beyond 6.7 KiB nothing is gained");
}

TEST_CASE("weights count as the weigher says, which is asked again for some puts only") {
  std::atomic<int> calls{0};
  larder::cache<int, std::string, larder::clock, larder::max_weight, larder::weigher<counting_weigher>, larder::miss_ratio_curve>
      cache{larder::max_weight{4000}, larder::weigher{counting_weigher{&calls}}};
  for (int t = 0; t < 200; ++t)
    for (int k = 0; k < 10; ++k) cache.get_or_load(k, [] { return std::string(600, 'x'); });
  const larder::capacity_advice advice = cache.stats().advice();
  CHECK(advice.unit == larder::capacity_unit::weight);
  CHECK(advice.curve[3].hit_ratio == 0.0);
  CHECK(advice.curve[4].hit_ratio > 0.99);
  CHECK(advice.text() == "doubling to 8000 would raise the hit ratio from 0.00 to 1.00; beyond 6727 nothing is gained");
  CHECK(static_cast<std::uint64_t>(calls) == 2 * cache.stats().insertions);
}

TEST_CASE("shards are one cache to the curve") {
  larder::cache<int, int, larder::clock, larder::max_entries, larder::miss_ratio_curve, larder::sharded<8>> cache{
      larder::max_entries{800}};
  ask_in_turn(cache, 700, 10);
  CHECK(curve_of(cache).hit_ratios[today] == doctest::Approx(0.9));
  CHECK(curve_of(cache).hit_ratios[today - 4] == 0.0);
}

TEST_CASE("the memory of the observer is in the overhead") {
  larder::cache<int, int, larder::clock, larder::max_entries> plain{larder::max_entries{100'000}};
  larder::cache<int, int, larder::clock, larder::max_entries, larder::miss_ratio_curve> observed{larder::max_entries{100'000}};
  for (int k = 0; k < 100'000; ++k) {
    plain.put(k, k);
    observed.put(k, k);
  }
  const std::uint64_t more = observed.stats().overhead_bytes - plain.stats().overhead_bytes;
  CHECK(more > 100'000);
  CHECK(more <= 1'000'000);
}

TEST_CASE("threads share an observed cache") {
  larder::cache<int, std::string, larder::clock, larder::max_bytes, larder::miss_ratio_curve> cache{larder::max_bytes{1_MiB}};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5000; ++i) {
        const int key = (i * 31 + t * 17) % 3000;
        cache.get_or_load(key, [&] { return std::string(static_cast<std::size_t>(key), 'x'); });
        if (i % 50 == 0) cache.erase(key);
        if (i % 500 == 0) CHECK(cache.stats().curve.has_value());
        if (t == 0 && i % 1000 == 999) cache.set_capacity(larder::max_bytes{1_MiB + static_cast<std::uint64_t>(i)});
        if (t == 1 && i == 2500) cache.clear();
        if (t == 2 && i == 2500) cache.reset_stats();
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(curve_of(cache).capacity == 1_MiB + 4999);
  CHECK(cache.weight() <= 1_MiB + 4999);
}

TEST_CASE("tiers are observed one by one") {
  auto memory = larder::make_cache<int, int>(larder::max_entries{10}, larder::miss_ratio_curve{});
  auto below = larder::make_cache<int, int>(larder::max_entries{1000});
  larder::tiered both{memory, below};
  for (int t = 0; t < 100; ++t)
    for (int k = 0; k < 20; ++k) both.get_or_load(k, [&] { return k; });
  const auto stats = both.stats();
  REQUIRE(stats[0].curve.has_value());
  CHECK(stats[0].curve->hit_ratios[today] == 0.0);
  CHECK(stats[0].curve->hit_ratios[today + 4] == doctest::Approx(0.99));
  CHECK_FALSE(stats[1].curve.has_value());
}
