#include "support/temporary_folder.hpp"

#include <larder/larder.hpp>
#include <larder/observe/latency_histogram.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using namespace larder::literals;

namespace {

using buckets = larder::observe::latency_buckets;
using larder::duration;

template <class Cache>
larder::latency_report latency_of(const Cache& cache) {
  const larder::cache_stats stats = cache.stats();
  REQUIRE(stats.latency.has_value());
  return *stats.latency;
}

}  // namespace

TEST_CASE("a duration's bucket ends at it or at most a sixteenth beyond") {
  CHECK(rc::check([] {
    const auto bits = *rc::gen::inRange<unsigned>(0, 43);
    const auto spent = static_cast<std::int64_t>(*rc::gen::arbitrary<std::uint64_t>() & ((std::uint64_t{1} << bits) - 1));
    const duration d{std::max<std::int64_t>(spent, 1)};
    const std::size_t bucket = buckets::of(d);
    RC_ASSERT(bucket < buckets::count);
    RC_ASSERT(buckets::upto(bucket) >= d);
    RC_ASSERT(16 * (buckets::upto(bucket) - d) <= d);
    if (bucket != 0) RC_ASSERT(buckets::upto(bucket - 1) < d);
  }));
  CHECK(buckets::of(duration{0}) == 0);
  CHECK(buckets::of(duration{-5}) == 0);
  CHECK(buckets::of(duration::max()) == buckets::count - 1);
  for (unsigned power = 0; power <= buckets::largest_log;
       ++power)  // powers of two are ends, so that what is exported by them is exact
    CHECK(buckets::upto(buckets::of(duration{std::int64_t{1} << power})) == duration{std::int64_t{1} << power});
}

TEST_CASE("quantiles are never too small") {
  CHECK(rc::check([](const std::vector<std::uint16_t>& spans) {
    RC_PRE(!spans.empty());
    larder::observe::latency_recorder<false> recorder(1);
    std::vector<std::int64_t> sorted;
    std::int64_t total = 0;
    for (const std::uint16_t s : spans) {
      sorted.push_back(std::int64_t{s} + 1);
      total += sorted.back();
      recorder.add(larder::observe::timed::put, duration{sorted.back()});
    }
    std::sort(sorted.begin(), sorted.end());
    const larder::latency_summary put = recorder.report().put;
    RC_ASSERT(put.count() == spans.size());
    RC_ASSERT(put.total.count() == total);
    for (const double share : {0.0, 0.5, 0.9, 0.99, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::max(std::ceil(share * static_cast<double>(sorted.size())), 1.0));
      const std::int64_t exact = sorted[rank - 1];
      RC_ASSERT(put.quantile(share).count() >= exact);
      RC_ASSERT(16 * (put.quantile(share).count() - exact) <= exact);
    }
    RC_ASSERT(put.longest() == put.quantile(1.0));
    RC_ASSERT(recorder.report().get.count() == 0U);
  }));
  CHECK(larder::latency_summary{}.quantile(0.5) == duration{0});
  CHECK(larder::latency_summary{}.mean() == duration{0});
  CHECK(larder::latency_summary{}.longest() == duration{0});
}

TEST_CASE("one of so many has its turn, whatever the rhythm") {
  for (const std::uint32_t every : {1U, 2U, 16U, 64U}) {
    CAPTURE(every);
    larder::observe::sampled_turns<true> turns(every);
    int taken = 0;
    int of_every_64th = 0;
    constexpr int calls = 640'000;
    for (int i = 0; i < calls; ++i)
      if (turns.take()) {
        ++taken;
        of_every_64th += i % 64 == 0 ? 1 : 0;
      }
    const int expected = calls / static_cast<int>(every);
    CHECK(taken >= expected * 9 / 10);
    CHECK(taken <= expected * 11 / 10 + 1);
    CHECK(of_every_64th >= expected / 64 * 7 / 10);
    CHECK(of_every_64th <= expected / 64 * 13 / 10);
  }
}

TEST_CASE("gets, puts and loads of a cache are timed, each by itself") {
  auto cache = larder::make_cache<int, int>(larder::max_entries{100}, larder::latency_histogram{1});
  for (int i = 0; i < 10; ++i) cache.put(i, i);
  for (int i = 0; i < 20; ++i) cache.get(i);
  cache.peek(1);
  cache.contains(1);
  cache.visit(1, [](int) {});
  larder::latency_report seen = latency_of(cache);
  CHECK(seen.every == 1);
  CHECK(seen.put.count() == 10);
  CHECK(seen.get.count() == 21);
  CHECK(seen.load.count() == 0);
  CHECK(seen.get.total > duration{0});

  CHECK(cache.get_or_load(50, [] { return 50; }) == 50);
  CHECK_THROWS_AS(cache.get_or_load(51, []() -> int { throw std::runtime_error("no"); }), std::runtime_error);
  cache.get_or_load_many(std::vector<int>{60, 61}, [](const std::vector<int>& keys) { return keys; });
  seen = latency_of(cache);
  CHECK(seen.load.count() == 3);  // the batch is one call
  CHECK(seen.get.count() == 25);
  CHECK(seen.put.count() == 13);
  CHECK(cache.stats().load_time == seen.load.total);

  cache.reset_stats();
  seen = latency_of(cache);
  CHECK(seen.get.count() + seen.put.count() + seen.load.count() == 0);
}

TEST_CASE("what is chosen stands for all that it was chosen from") {
  auto cache = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{100}, larder::unsynchronized{},
                                            larder::latency_histogram{});
  cache.put(1, 1);
  for (int i = 0; i < 64'000; ++i) cache.get(1);
  const larder::latency_report seen = latency_of(cache);
  CHECK(seen.every == 64);
  CHECK(seen.get.count() >= 57'600);
  CHECK(seen.get.count() <= 70'400);
  CHECK(seen.get.count() % 64 == 0);
  CHECK(cache.stats().hits == 64'000);
}

TEST_CASE("threads record at once, and nothing is lost") {
  auto cache = larder::make_cache<int, std::string>(larder::max_entries{100}, larder::latency_histogram{1});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        cache.put(i % 50, "x");
        cache.get(i % 50);
      }
    });
  for (int i = 0; i < 50; ++i) static_cast<void>(cache.stats());
  for (std::thread& t : threads) t.join();
  const larder::latency_report seen = latency_of(cache);
  CHECK(seen.get.count() == 8000);
  CHECK(seen.put.count() == 8000);
}

TEST_CASE("it combines with the other observers") {
  auto cache = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1000}, larder::miss_ratio_curve{},
                                                              larder::latency_histogram{1});
  cache.put("a", larder::bytes::copy_of("abc", 3));
  CHECK(cache.get("a").has_value());
  const larder::cache_stats stats = cache.stats();
  CHECK(stats.curve.has_value());
  CHECK(stats.latency->get.count() == 1);
  auto without = larder::make_cache<int, int>(larder::max_entries{1});
  CHECK(!without.stats().latency.has_value());
}
