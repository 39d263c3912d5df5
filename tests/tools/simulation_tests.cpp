#include "simulate/simulation.hpp"

#include "random_trace.hpp"
#include "refusal.hpp"
#include "simulate/trace_result.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace {

using simulate::counted;
using simulate::request_counts;
using simulate::request_trace;

const simulate::requests_done ignored = [](std::size_t) {};

/// LRU, or FIFO when hits do not count, from the definition.
request_counts naive(const request_trace& trace, std::uint64_t capacity, counted by, bool recency) {
  struct entry {
    std::uint32_t key;
    std::uint64_t weight;
  };
  std::list<entry> order;  // newest first
  std::uint64_t used = 0;
  request_counts counts;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const std::uint64_t size = trace.size_of(i);
    const std::uint64_t weight = by == counted::bytes ? size : 1;
    ++counts.requests;
    counts.bytes += size;
    auto at = order.begin();
    while (at != order.end() && at->key != trace.keys[i]) ++at;
    if (at != order.end()) {
      if (recency) order.splice(order.begin(), order, at);
      continue;
    }
    ++counts.misses;
    counts.missed_bytes += size;
    if (weight > capacity) continue;
    while (used + weight > capacity) {
      used -= order.back().weight;
      order.pop_back();
    }
    order.push_front({trace.keys[i], weight});
    used += weight;
  }
  return counts;
}

bool equal(const request_counts& a, const request_counts& b) {
  return a.requests == b.requests && a.misses == b.misses && a.bytes == b.bytes && a.missed_bytes == b.missed_bytes;
}
const simulate::policy& named(std::string_view name) { return *simulate::policies_named(name).front(); }

}  // namespace

TEST_CASE("lru and fifo count what their definitions count, by entries and by bytes") {
  CHECK(rc::check([] {
    const bool sized = *rc::gen::arbitrary<bool>();
    const request_trace trace = random_trace(500, 40, sized ? 20 : 0);
    for (const counted by : {counted::entries, counted::bytes}) {
      if (by == counted::bytes && !sized) continue;
      const auto capacity = *rc::gen::inRange<std::uint64_t>(1, by == counted::bytes ? 200 : 30);
      RC_ASSERT(equal(named("lru").run(trace, capacity, by, ignored), naive(trace, capacity, by, true)));
      RC_ASSERT(equal(named("fifo").run(trace, capacity, by, ignored), naive(trace, capacity, by, false)));
    }
  }));
}

TEST_CASE("every policy misses each key once when all fit, and everything larger than the cache always") {
  CHECK(rc::check([] {
    const request_trace trace = random_trace(300, 30, 9);
    for (const simulate::policy& order : simulate::all_policies()) {
      RC_ASSERT(order.run(trace, trace.key_count, counted::entries, ignored).misses == trace.key_count);
      RC_ASSERT(order.run(trace, std::max<std::uint64_t>(trace.footprint_bytes, 1), counted::bytes, ignored).misses ==
                trace.key_count);
    }
    request_trace large = trace;
    large.sizes.assign(large.size(), 100);
    for (const simulate::policy& order : simulate::all_policies())
      RC_ASSERT(order.run(large, 99, counted::bytes, ignored).misses == large.size());
  }));
}

TEST_CASE("any number of threads gives the same counts, and progress ends with all requests") {
  request_trace trace;
  trace.name = "t";
  trace.key_count = 1000;
  for (std::uint32_t i = 0; i < 200'000; ++i) trace.keys.push_back(i * 7919U % 1000U * (i % 3U) % 1000U);
  const auto policies = simulate::policies_named("all");
  const auto sizes = simulate::parse_cache_sizes("1%,10%,300", counted::entries);
  std::vector<std::vector<simulate::trace_result>> results;
  for (const unsigned threads : {1U, 3U, 64U}) {
    std::uint64_t last = 0;
    std::uint64_t total = 0;
    bool grows = true;
    results.push_back(simulate::simulate_all(std::vector{trace, trace}, policies, sizes, counted::entries, threads,
                                             [&](std::uint64_t done, std::uint64_t all) {
                                               grows = grows && done >= last;
                                               last = done;
                                               total = all;
                                             }));
    CHECK(grows);
    CHECK(last == total);
    CHECK(total == 2 * 3 * policies.size() * trace.size());
  }
  for (const auto& result : results) {
    REQUIRE(result.size() == 2);
    for (const simulate::trace_result& one : result) {
      CHECK(one.capacities == std::vector<std::uint64_t>{10, 100, 300});
      REQUIRE(one.curves.size() == policies.size());
      for (std::size_t c = 0; c < one.curves.size(); ++c)
        for (std::size_t i = 0; i < 3; ++i) CHECK(equal(one.curves[c].at[i], results.front().front().curves[c].at[i]));
    }
  }
}

TEST_CASE("what a simulation throws is thrown to the caller") {
  const simulate::policy broken{"broken",
                                [](const request_trace&, std::uint64_t, counted,
                                   const simulate::requests_done&) -> request_counts { throw std::runtime_error("broken"); },
                                {}};
  request_trace trace;
  trace.keys = {0, 1, 0};
  trace.key_count = 2;
  std::vector<simulate::simulation> all(20, {.trace = &trace, .order = &named("lru"), .capacity = 1});
  all[7].order = &broken;
  for (const unsigned threads : {1U, 4U}) CHECK_THROWS_AS(simulate::run(all, threads), std::runtime_error);
}

TEST_CASE("the best at a capacity are those with the fewest misses, the reference aside") {
  request_trace trace;
  trace.keys = {0, 1, 2, 0, 1, 2};
  trace.key_count = 3;
  const auto result = simulate::simulate_all(std::vector{trace}, simulate::policies_named("lru,fifo,belady"),
                                             simulate::parse_cache_sizes("2,3", counted::entries), counted::entries, 1)
                          .front();
  CHECK(result.curves[2].order->is_reference);
  CHECK(result.curves[2].at[0].misses < result.curves[0].at[0].misses);
  CHECK(result.best_at(0, simulate::measure::miss_ratio) == std::vector<std::size_t>{0, 1});
}
