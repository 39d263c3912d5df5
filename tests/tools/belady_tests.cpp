#include "simulate/belady.hpp"

#include "random_trace.hpp"
#include "simulate/policy_table.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace {

using simulate::counted;
using simulate::request_trace;

const simulate::requests_done ignored = [](std::size_t) {};

/// The fewest misses of any cache that stores what it misses, by trying every victim: the least over each set of keys that can be in.
std::uint64_t naive_optimum(const request_trace& trace, std::uint64_t capacity) {
  std::map<std::uint32_t, std::uint64_t> misses{{0U, 0U}};  // by the set of keys that are in
  for (const std::uint32_t key : trace.keys) {
    std::map<std::uint32_t, std::uint64_t> next;
    const auto reach = [&](std::uint32_t set, std::uint64_t count) {
      const auto [at, is_new] = next.try_emplace(set, count);
      if (!is_new && count < at->second) at->second = count;
    };
    for (const auto& [set, count] : misses) {
      const std::uint32_t bit = 1U << key;
      if ((set & bit) != 0)
        reach(set, count);
      else if (static_cast<std::uint64_t>(std::popcount(set)) < capacity)
        reach(set | bit, count + 1);
      else
        for (std::uint32_t rest = set; rest != 0; rest &= rest - 1) reach((set ^ (rest & -rest)) | bit, count + 1);
    }
    misses = std::move(next);
  }
  std::uint64_t fewest = trace.size();
  for (const auto& [set, count] : misses) fewest = std::min(fewest, count);
  return fewest;
}

/// Furthest next use first, by looking ahead from each victim's choice; sizes count.
std::uint64_t naive_furthest(const request_trace& trace, std::uint64_t capacity) {
  std::map<std::uint32_t, std::uint64_t> in;  // key to weight
  std::uint64_t used = 0;
  std::uint64_t misses = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    if (in.contains(trace.keys[i])) continue;
    ++misses;
    if (trace.size_of(i) > capacity) continue;
    while (used + trace.size_of(i) > capacity) {
      std::size_t furthest = 0;
      std::uint32_t victim = 0;
      for (const auto& [key, weight] : in) {
        std::size_t next = i + 1;
        while (next < trace.size() && trace.keys[next] != key) ++next;
        // Of those that never come again, the one that the tool takes: the highest number.
        if (next >= furthest) {
          furthest = next;
          victim = key;
        }
      }
      used -= in.at(victim);
      in.erase(victim);
    }
    in[trace.keys[i]] = trace.size_of(i);
    used += trace.size_of(i);
  }
  return misses;
}

}  // namespace

TEST_CASE("belady misses as seldom as any cache that stores what it misses") {
  CHECK(rc::check([] {
    const request_trace trace = random_trace(30, 7, 0);
    const auto capacity = *rc::gen::inRange<std::uint64_t>(1, 6);
    const simulate::request_counts counts = run_belady(trace, capacity, counted::entries, ignored);
    RC_ASSERT(counts.misses == naive_optimum(trace, capacity));
    RC_ASSERT(counts.requests == trace.size());
  }));
}

TEST_CASE("under a limit of bytes belady evicts by the furthest next use until there is room") {
  CHECK(rc::check([] {
    const request_trace trace = random_trace(60, 12, 9);
    const auto capacity = *rc::gen::inRange<std::uint64_t>(1, 40);
    const simulate::request_counts counts = run_belady(trace, capacity, counted::bytes, ignored);
    RC_ASSERT(counts.misses == naive_furthest(trace, capacity));
  }));
}

TEST_CASE("no policy that stores what it misses is better than belady, by entries") {
  CHECK(rc::check([] {
    const request_trace trace = random_trace(400, 40, 0);
    const auto capacity = *rc::gen::inRange<std::uint64_t>(1, 20);
    const std::uint64_t fewest = run_belady(trace, capacity, counted::entries, ignored).misses;
    for (const simulate::policy& order : simulate::all_policies()) {
      if (order.name == "epoch_pin") continue;  // it refuses what does not fit, which can be better
      RC_ASSERT(order.run(trace, capacity, counted::entries, ignored).misses >= fewest);
    }
  }));
}
