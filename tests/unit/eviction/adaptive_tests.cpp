#include <larder/eviction/adaptive.hpp>

#include <larder/cache.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/eviction_report.hpp>
#include <larder/eviction/lirs.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/sync/sharded.hpp>
#include <larder/testing/eviction_conformance.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "failing_memory.hpp"
#include "order_host.hpp"

using namespace eviction_tests;
using larder::adaptive;

namespace {

static_assert(larder::eviction_policy<adaptive>);
static_assert(larder::core::has_concurrent_hits<adaptive>);
static_assert(sizeof(adaptive::state) == 16);

using trace = std::vector<int>;
using adaptive_host = host<keyed_order<adaptive>>;

trace of(std::size_t requests, const std::function<int(std::size_t)>& key) {
  trace keys(requests);
  for (std::size_t i = 0; i < requests; ++i) keys[i] = key(i);
  return keys;
}
trace loop(std::size_t requests, int length, int first = 0) {
  return of(requests, [=](std::size_t i) { return first + static_cast<int>(i % static_cast<std::size_t>(length)); });
}
/// The third power of even chance: a tenth of the keys gets nearly half of the requests.
trace skewed(std::size_t requests, int keys, int first = 0) {
  std::mt19937_64 random(7);
  return of(requests, [&](std::size_t) {
    const double even = static_cast<double>(random() % 1'000'000) / 1e6;
    return first + static_cast<int>(keys * even * even * even);
  });
}
trace and_then(trace a, const trace& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

template <class Policy>
double miss_ratio(const trace& keys, std::size_t capacity) {
  host<keyed_order<Policy>> cache(capacity, capacity);
  std::size_t misses = capacity;  // until it is full nothing is evicted; each trace has more keys than that
  for (const int key : keys) misses += cache.get_or_put(key).size();
  return static_cast<double>(misses) / static_cast<double>(keys.size());
}

larder::eviction_report report_after(const trace& keys, std::size_t capacity) {
  adaptive_host cache(capacity, capacity);
  for (const int key : keys) cache.get_or_put(key);
  return cache.algorithm().order().describe();
}

constexpr double tolerance = 0.01;

}  // namespace

TEST_CASE("adaptive keeps the contract of eviction orders") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) CHECK(larder::testing::check_eviction<adaptive>({}, seed).text() == "");
}

TEST_CASE("adaptive holds a part of a loop longer than the cache, from the first round") {
  for (const std::size_t capacity : {50U, 300U, 2000U}) {
    const int length = static_cast<int>(capacity + capacity / 20 + 1);
    const trace keys = loop(20 * static_cast<std::size_t>(length), length);
    const double ideal = 1 - static_cast<double>(capacity) / length * 19 / 20;
    CHECK(miss_ratio<larder::lru>(keys, capacity) > 0.9);
    CHECK(miss_ratio<adaptive>(keys, capacity) < ideal + 2 * tolerance);
  }
}

TEST_CASE("adaptive gives up the loop that is over for the next") {
  trace keys;
  for (int round = 0; round < 4; ++round) keys = and_then(keys, loop(60'000, 1500, 10'000 * round));
  CHECK(miss_ratio<larder::lirs>(keys, 1000) > 0.8);
  CHECK(miss_ratio<adaptive>(keys, 1000) < 0.45);
}

TEST_CASE("adaptive lets scans pass") {
  trace keys;
  for (int round = 0; round < 40; ++round) {
    keys = and_then(keys, skewed(3000, 4000));
    keys = and_then(keys, of(2000, [=](std::size_t i) { return 100'000 + 2000 * round + static_cast<int>(i); }));
  }
  const double adaptive_ratio = miss_ratio<adaptive>(keys, 500);
  CHECK(adaptive_ratio < miss_ratio<larder::lru>(keys, 500) - 0.05);
  CHECK(adaptive_ratio < miss_ratio<larder::s3_fifo>(keys, 500) + tolerance);
}

TEST_CASE("adaptive follows drift as closely as lru") {
  std::mt19937_64 random(3);
  for (const std::size_t speed : {2U, 4U, 10U}) {
    const trace keys =
        of(150'000, [&](std::size_t i) { return static_cast<int>(i / speed + random() % 900); });  // a window that slides
    const double lru = miss_ratio<larder::lru>(keys, 1000);
    CHECK(miss_ratio<larder::s3_fifo>(keys, 1000) > lru + 0.05);
    CHECK(miss_ratio<adaptive>(keys, 1000) < lru + tolerance);
  }
}

TEST_CASE("adaptive is as good as the better of two orders where each is right in turn") {
  const trace keys = and_then(and_then(loop(100'000, 1300), skewed(100'000, 20'000, 5000)),
                              of(100'000, [](std::size_t i) { return static_cast<int>(100'000 + i / 3 + i * 7919 % 800); }));
  const double best = std::min(
      {miss_ratio<larder::lru>(keys, 1000), miss_ratio<larder::s3_fifo>(keys, 1000), miss_ratio<larder::lirs>(keys, 1000)});
  CHECK(miss_ratio<adaptive>(keys, 1000) < best);
}

TEST_CASE("adaptive keeps half of the keys through epochs in random order, which hit as often as can be") {
  std::mt19937_64 random(5);
  trace keys;
  trace epoch = loop(2000, 2000);
  for (int round = 0; round < 40; ++round) {
    std::shuffle(epoch.begin(), epoch.end(), random);
    keys = and_then(keys, epoch);
  }
  CHECK(miss_ratio<larder::lru>(keys, 1000) > 0.8);
  CHECK(miss_ratio<adaptive>(keys, 1000) < 0.6);  // 0.51 is the least: the first epoch misses all
}

TEST_CASE("adaptive says what it does and why") {
  const auto nothing_yet = report_after(loop(10, 10), 10);
  CHECK(nothing_yet.behaves_as == "lirs");
  CHECK(nothing_yet.switches == 0);
  CHECK(nothing_yet.sampled_share == 1);
  CHECK(nothing_yet.reason == "nothing had to be evicted so far");

  std::mt19937_64 random(3);
  const auto drifting = report_after(of(100'000, [&](std::size_t i) { return static_cast<int>(i / 4 + random() % 2500); }), 3000);
  CHECK((drifting.behaves_as == "lru" || drifting.behaves_as == "2q"));
  CHECK(drifting.switches >= 1);
  CHECK(drifting.sampled_share == 1.0 / 8);
  REQUIRE(drifting.candidates.size() == 5);
  const auto leader = std::find_if(drifting.candidates.begin(), drifting.candidates.end(),
                                   [&](const auto& c) { return c.name == drifting.behaves_as; });
  REQUIRE(leader != drifting.candidates.end());
  CHECK(leader->hit_ratio > drifting.candidates.front().hit_ratio);
  CHECK(drifting.reason.find("behaving as " + std::string(leader->name) + " would have hit") != std::string::npos);
  CHECK(drifting.reason.find(", as lirs ") != std::string::npos);
}

TEST_CASE("adaptive hits as often in many shards as in one") {
  const auto ratio = [](auto& cache) {
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
  };
  larder::cache<int, int, adaptive, larder::max_entries, larder::sharded<1>> one(larder::max_entries{4000});
  larder::cache<int, int, adaptive, larder::max_entries, larder::sharded<8>> eight(larder::max_entries{4000});
  larder::cache<int, int, adaptive, larder::max_entries, larder::sharded<32>> many(larder::max_entries{4000});
  const double in_one = ratio(one);
  CHECK(in_one < 0.62);
  CHECK(ratio(eight) == doctest::Approx(in_one).epsilon(0.02));
  CHECK(ratio(many) == doctest::Approx(in_one).epsilon(0.02));
}

TEST_CASE("adaptive needs at most eight bytes per entry more than s3_fifo, but for the small caches") {
  constexpr std::size_t capacity = 30'000;
  adaptive_host cache(capacity, capacity);
  host<keyed_order<larder::s3_fifo>> other(capacity, capacity);
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const int key = static_cast<int>(random() % 100'000);
    cache.get_or_put(key);
    other.get_or_put(key);
  }
  const double ours = sizeof(adaptive::state) + static_cast<double>(cache.algorithm().order().memory()) / capacity;
  const double theirs = sizeof(larder::s3_fifo::state) + static_cast<double>(other.algorithm().order().memory()) / capacity;
  CHECK(ours <= theirs + 8);
}

TEST_CASE("adaptive counts uses of sampled and other keys up to three, and writes nothing beyond them") {
  slots<adaptive> memory{std::vector<slots<adaptive>::entry>(4000)};
  slot_states<adaptive> states(memory);
  order_of<adaptive> order(states);
  for (larder::slot s = 0; s < 4000; ++s) order.on_insert(s, {hash_of(static_cast<int>(s)), 1});
  for (int uses = 1; uses <= 5; ++uses)
    for (larder::slot s = 0; s < 4000; ++s) {
      order.on_hit(s);
      REQUIRE((states[s].marked_uses.load() & 0x7f) == std::min(uses, 3));
    }
  std::size_t sampled = 0;
  for (larder::slot s = 0; s < 4000; ++s) sampled += states[s].marked_uses.load() == 3 ? 0U : 1U;
  CHECK(sampled > 150);  // of those that came first all were, until the first hit of each
  CHECK(sampled <= 512);
}

TEST_CASE("adaptive works without memory for ghosts and small caches") {
  using forgetful = adaptive::order<slot_states<adaptive>, failing_memory>;
  host<keyed_order<adaptive, forgetful>> cache(20, 20);
  for (int i = 0; i < 2000; ++i) CHECK(cache.get_or_put(i % 30 + i / 100).size() <= 1);
  CHECK(cache.algorithm().order().memory() == 0);
}

TEST_CASE("adaptive follows a capacity that shrinks and grows again") {
  larder::cache<int, int, adaptive, larder::max_entries, larder::sharded<1>> cache(larder::max_entries{20'000});
  const auto fill = [&](int first) {
    for (int i = 0; i < 60'000; ++i)
      if (const int key = first + i * 7 % 30'000; !cache.get(key)) cache.put(key, key);
  };
  fill(0);
  cache.set_capacity(larder::max_entries{100});
  CHECK(cache.size() == 100);
  fill(50'000);
  CHECK(cache.size() == 100);
  cache.set_capacity(larder::max_entries{10'000});
  fill(0);
  CHECK(cache.size() == 10'000);
}

TEST_CASE("adaptive stands hits from several threads while others put and evict") {
  larder::cache<int, int, adaptive, larder::max_entries, larder::sharded<2>> cache(larder::max_entries{300});
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&cache, &wrong, t] {
      std::mt19937_64 random(t);
      for (int i = 0; i < 20'000; ++i) {
        const int key = static_cast<int>(random() % (1 + random() % 900));
        if (const auto value = cache.get(key))
          wrong[t] += *value == key ? 0 : 1;
        else
          cache.put(key, key);
      }
    });
  for (std::thread& each : threads) each.join();
  CHECK(wrong == std::vector<int>(4, 0));
  CHECK(cache.size() <= 300);
}

TEST_CASE("a cache under adaptive says in its statistics what it does and why") {
  larder::cache<int, int, larder::adaptive, larder::max_entries, larder::sharded<4>> cache(larder::max_entries{2000});
  for (int pass = 0; pass < 6; ++pass)
    for (int k = 0; k < 2400; ++k)
      if (!cache.get(k)) cache.put(k, k);
  const larder::cache_stats stats = cache.stats();
  REQUIRE(stats.eviction);
  CHECK(stats.eviction->parts == 4);
  CHECK(stats.eviction->parts_alike >= 1);
  CHECK_FALSE(stats.eviction->reason.empty());
  CHECK(std::any_of(stats.eviction->candidates.begin(), stats.eviction->candidates.end(),
                    [&](const auto& c) { return c.name == stats.eviction->behaves_as; }));
  CHECK(stats.overhead_bytes > 0);
  larder::cache<int, int, larder::lru, larder::max_entries> plain(larder::max_entries{10});
  CHECK_FALSE(plain.stats().eviction);
}

TEST_CASE("of 100,000 entries and the ghosts of as many, adaptive keeps at most 8 bytes each more than s3_fifo") {
  static constexpr std::uint64_t capacity = 100'000;
  const auto overhead = [](auto order) {
    auto cache = larder::make_cache<std::uint64_t, std::uint64_t>(order, larder::max_entries{capacity}, larder::unsynchronized{});
    for (std::uint64_t round = 0; round < 3; ++round)  // the second time round ghosts come back
      for (std::uint64_t k = 0; k < 2 * capacity; ++k)
        if (!cache.get(k)) cache.put(k, k);
    REQUIRE(cache.stats().evictions > capacity);
    return static_cast<double>(cache.stats().overhead_bytes) / static_cast<double>(capacity);
  };
  CHECK(overhead(larder::adaptive{}) <= overhead(larder::s3_fifo{}) + 8);
}

TEST_CASE("the parts' common behaviour is that of most of them") {
  const auto part = [](std::string_view name, std::uint64_t switches) {
    larder::eviction_report r;
    r.behaves_as = name;
    r.switches = switches;
    return r;
  };
  const larder::eviction_report common = larder::in_common({part("a", 1), part("b", 2), part("b", 4)});
  CHECK(common.behaves_as == "b");
  CHECK(common.switches == 7);
  CHECK(common.parts == 3);
  CHECK(common.parts_alike == 2);
  CHECK(larder::in_common({part("a", 1)}).parts_alike == 1);
}
