// Tiers asked for many keys at once, in the background, and what else a cache can do that they do for all of them.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <future>
#include <latch>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/refusal.hpp"

using namespace larder::literals;
using larder::error_cause;
using support::cause_of;
using strings = std::vector<std::string>;

namespace {

using numbers = larder::cache<std::string, int, larder::max_entries, larder::ttl, larder::time_source<larder::manual_clock>>;

struct two {
  larder::manual_clock now;
  numbers fast{larder::max_entries{100}, larder::time_source{now}};
  numbers slow{larder::max_entries{100}, larder::time_source{now}};
};

int length(const std::string& key) { return static_cast<int>(key.size()); }

std::vector<int> lengths(const strings& keys) {
  std::vector<int> out;
  for (const std::string& key : keys) out.push_back(length(key));
  return out;
}

}  // namespace

TEST_CASE("many keys are looked up in all tiers, and what none has is loaded together, once, and stored in all") {
  two t;
  larder::tiered all{t.fast, t.slow};
  t.fast.put("a", 10);
  t.slow.put("bb", 20);
  std::vector<strings> asked;
  const auto loader = [&](const strings& keys) {
    asked.push_back(keys);
    return lengths(keys);
  };
  CHECK(all.get_or_load_many(strings{"dddd", "a", "ccc", "bb", "dddd"}, loader) == std::vector<int>{4, 10, 3, 20, 4});
  CHECK(asked == std::vector<strings>{{"dddd", "ccc"}});
  CHECK(t.fast.peek("bb") == 20);  // promoted
  for (numbers* tier : {&t.fast, &t.slow}) {
    CHECK(tier->peek("ccc") == 3);
    CHECK(tier->peek("dddd") == 4);
  }
  const auto stats = all.stats();
  CHECK(stats.hits == 2);
  CHECK(stats.misses == 2);
  CHECK(stats.joined == 1);
  CHECK(stats.loads == 2);
  CHECK(stats.promotions == 1);
  CHECK(all.get_or_load_many(strings{}, loader).empty());
  CHECK(all.get_or_load_many(strings{"ccc"}, loader) == std::vector<int>{3});
  CHECK(asked.size() == 1);
}

TEST_CASE("a batch loader that throws, or brings too few, leaves nothing behind and reaches the caller") {
  two t;
  larder::tiered all{t.fast, t.slow};
  t.slow.put("bb", 20);
  CHECK_THROWS_AS(
      all.get_or_load_many(strings{"a", "bb", "ccc"}, [](const strings&) -> std::vector<int> { throw std::runtime_error("no"); }),
      std::runtime_error);
  CHECK(cause_of([&] {
          all.get_or_load_many(strings{"a", "ccc"}, [](const strings&) { return std::vector<int>{1}; });
        }) == error_cause::load);
  CHECK(cause_of([&] {
          all.get_or_load_many(strings{"a", "ccc"}, [&](const strings& keys) {
            all.get_or_load("ccc", [] { return 5; });
            return lengths(keys);
          });
        }) == error_cause::reentrant);
  CHECK_FALSE(all.contains("a"));
  CHECK_FALSE(all.contains("ccc"));
  CHECK(all.stats().load_failures == 3);
  CHECK(all.get_or_load_many(strings{"a", "bb", "ccc"}, lengths) == std::vector<int>{1, 20, 3});
}

TEST_CASE("a put during the load of a batch wins; the caller gets the loaded value") {
  two t;
  larder::tiered all{t.fast, t.slow};
  const auto loader = [&](const strings& keys) {
    std::thread([&] {
      all.put("a", 100);
      all.erase("bb");
    }).join();
    return lengths(keys);
  };
  CHECK(all.get_or_load_many(strings{"a", "bb", "ccc"}, loader) == std::vector<int>{1, 2, 3});
  CHECK(all.get("a") == 100);
  CHECK(t.slow.peek("a") == 100);
  CHECK_FALSE(all.contains("bb"));
  CHECK(all.get("ccc") == 3);
}

TEST_CASE("batches that want each other's keys load each once and do not wait in a circle") {
  for (int round = 0; round < 50; ++round) {
    two t;
    larder::tiered all{t.fast, t.slow};
    strings keys;
    for (int i = 0; i < 20; ++i) keys.push_back(std::string(static_cast<std::size_t>(i + 1), 'x'));
    std::map<std::string, int> loads;
    std::mutex mutex;
    const auto loader = [&](const strings& wanted) {
      const std::lock_guard guard(mutex);
      for (const std::string& key : wanted) ++loads[key];
      return lengths(wanted);
    };
    std::atomic<int> wrong{0};
    {
      std::vector<std::jthread> threads;
      for (int n = 0; n < 4; ++n)
        threads.emplace_back([&, n] {
          strings mine = keys;
          if (n % 2 == 1) std::reverse(mine.begin(), mine.end());
          if (n == 3) {  // searches that find nothing are joined as well
            for (const std::string& key : mine) all.get(key);
          } else if (all.get_or_load_many(mine, loader) != lengths(mine)) {
            ++wrong;
          }
        });
    }
    CHECK(wrong == 0);
    CHECK(loads.size() == keys.size());
    CHECK(std::all_of(loads.begin(), loads.end(), [](const auto& row) { return row.second == 1; }));
  }
}

TEST_CASE("a load is stored though another key's load, which shares its stripe, is landing all the while") {
  const auto all_equal = [](const std::string&) { return 1; };
  std::latch landing(1);
  std::latch go_on(1);
  const auto weigh = [&](const std::string& key, int) {
    if (key == "slow") {
      landing.count_down();
      go_on.wait();
    }
    return std::uint64_t{1};
  };
  auto fast = larder::make_cache<std::string, int>(larder::max_weight{100}, larder::weigher(weigh), larder::hash_with(all_equal));
  auto slow = larder::make_cache<std::string, int>(larder::max_entries{100}, larder::hash_with(all_equal));
  larder::tiered all{fast, slow};
  std::jthread other([&] { all.get_or_load("slow", length); });
  landing.wait();
  CHECK(all.get_or_load("quick", length) == 5);
  CHECK(slow.peek("quick") == 5);
  CHECK(fast.peek("quick") == 5);
  CHECK(all.get_or_load_many(strings{"another"}, lengths) == std::vector<int>{7});
  CHECK(slow.peek("another") == 7);
  go_on.count_down();
}

TEST_CASE("a load in the background brings its value, or what the loader threw, and is waited for at the end") {
  two t;
  std::promise<void> begun;  // outlives the load
  std::future<int> last;
  {
    larder::tiered all{t.fast, t.slow};
    CHECK(all.get_or_load_async("abc", [](const std::string& key) { return length(key); }).get() == 3);
    CHECK(t.slow.peek("abc") == 3);
    CHECK_THROWS_AS(all.get_or_load_async("x", [](const std::string&) -> int { throw 7; }).get(), int);
    last = all.get_or_load_async("late", [&begun](const std::string& key) {
      begun.set_value();
      return length(key);
    });
    begun.get_future().wait();
  }
  CHECK(last.get() == 4);
  CHECK(t.slow.peek("late") == 4);
}

TEST_CASE("visit, purge_expired, reset_stats and the tiers' statistics one after the other") {
  two t;
  larder::tiered all{t.fast, larder::write_back(t.slow)};
  all.put("a", 7);
  CHECK(all.flush(30s));
  t.fast.clear();
  int seen = 0;
  CHECK(all.visit("a", [&](const int& value) { seen = value; }));
  CHECK(seen == 7);
  CHECK(t.fast.contains("a"));  // as get does
  CHECK_FALSE(all.visit("none", [&](const int&) { seen = 0; }));
  CHECK(seen == 7);

  t.fast.put("b", 1, 1s);
  t.slow.put("b", 1, 1s);
  t.slow.put("c", 1, 1s);
  t.now.advance(1s + 1ns);
  CHECK(all.purge_expired() == 2);
  CHECK(t.slow.size() == 1);

  std::uint64_t hits = 0;
  for (const larder::cache_stats& tier : all.stats()) hits += tier.hits;
  CHECK(hits == all.stats().hits);
  CHECK(all.stats().size() == 2);
  CHECK(all.stats().misses == 1);
  all.reset_stats();
  CHECK(all.stats().hits + all.stats().misses + all.stats().promotions + all.stats().loads == 0);
  for (const larder::cache_stats& tier : all.stats()) CHECK(tier.hits + tier.misses + tier.insertions == 0);
  CHECK(all.get("a") == 7);
  CHECK(all.stats().hits == 1);
}
