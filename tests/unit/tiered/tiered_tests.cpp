// What tiers promise when several threads and listeners meet; the answers of one thread are in tests/property.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/limit/weigher.hpp>
#include <larder/tiered.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using text = std::string;

namespace {

auto small() { return std::make_unique<larder::cache<text, text, larder::lru, larder::max_entries>>(larder::max_entries{2}); }
auto large() { return std::make_unique<larder::cache<text, text, larder::unbounded>>(); }

}  // namespace

TEST_CASE("a listener of the fastest tier may put, erase and clear in the tiers, during a promotion and a load as well") {
  std::function<void(const text&)> react = [](const text&) {};
  const auto heard = [&](const text& key, const text&, larder::removal_cause cause) {
    const auto now = react;  // which may set another
    if (cause == larder::removal_cause::evicted) now(key);
  };
  auto fast = larder::make_cache<text, text>(larder::lru{}, larder::max_entries{1}, larder::removal_listener{heard});
  auto slow = larder::make_cache<text, text>(larder::unbounded{});
  larder::tiered tiers{fast, slow};
  int reactions = 0;
  const auto once = [&](auto what) {
    react = [&, what](const text& key) {
      react = [](const text&) {};
      ++reactions;
      what(key);
    };
  };
  slow.put("a", "1");
  slow.put("b", "2");
  CHECK(tiers.get("a") == "1");
  once([&](const text&) { tiers.put("b", "new"); });  // the very key that is being promoted
  CHECK(tiers.get("b") == "2");
  CHECK(tiers.get("b") == "new");
  once([&](const text&) { tiers.erase("c"); });
  CHECK(tiers.get_or_load("c", [] { return text("3"); }) == "3");
  CHECK(!tiers.contains("c"));
  tiers.put("d", "4");
  once([&](const text&) { tiers.clear(); });
  CHECK(tiers.get_or_load("e", [] { return text("5"); }) == "5");
  CHECK(!tiers.contains("d"));
  CHECK(reactions == 3);
}

TEST_CASE("a predicate may ask the tiers while a load is on its way") {
  larder::tiered tiers{small(), large()};
  tiers.put("a", "1");
  const text loaded = tiers.get_or_load("b", [&] {
    CHECK(tiers.erase_if([&](const text& key) { return tiers.peek(key) == "1" && tiers.get("c") == std::nullopt; }) == 1);
    return text("2");
  });
  CHECK(loaded == "2");
  CHECK(!tiers.contains("a"));
}

TEST_CASE("get does not throw what somebody else's loader throws, nor in a loader that asks for its own key") {
  larder::tiered tiers{small(), large()};
  CHECK(tiers.get_or_load("a", [&] { return tiers.get("a").value_or("none"); }) == "none");
  tiers.clear();

  std::binary_semaphore loading(0);
  std::atomic<bool> threw{false};
  std::thread leader([&] {
    try {
      tiers.get_or_load("a", [&]() -> text {
        loading.release();
        while (tiers.stats().joined < 2) std::this_thread::yield();
        throw 17;  // without a text, of which the thread sanitizer cannot see how libstdc++ counts its holders
      });
    } catch (int) {
      threw = true;
    }
  });
  loading.acquire();
  CHECK(tiers.get("a") == std::nullopt);
  leader.join();
  CHECK(threw);
}

TEST_CASE("a put, erase or clear during a load wins; the waiters get the loaded value") {
  larder::tiered tiers{small(), larder::write_back(large())};
  CHECK(tiers.get_or_load("a", [&] { return tiers.put("a", "put"), text("loaded"); }) == "loaded");
  CHECK(tiers.get("a") == "put");
  CHECK(tiers.get_or_load("b", [&] { return tiers.erase("b"), text("loaded"); }) == "loaded");
  CHECK(!tiers.contains("b"));
  CHECK(tiers.get_or_load("c", [&] { return tiers.clear(), text("loaded"); }) == "loaded");
  CHECK(!tiers.contains("c"));
  CHECK(!tiers.contains("a"));
  CHECK(tiers.get_or_load("c", [] { return text("again"); }) == "again");
  CHECK(tiers.get("c") == "again");
}

TEST_CASE("a weigher that throws leaves no older value behind, and ends no thread of a write_back tier") {
  bool fails = false;
  const auto weigh = [&](const text&, const text&) {
    if (fails) throw std::runtime_error("no weight");
    return 1;
  };
  auto weighed = larder::make_cache<text, text>(larder::max_weight{10}, larder::weigher{weigh});
  auto slow = larder::make_cache<text, text>(larder::unbounded{});
  larder::tiered tiers{weighed, slow};
  tiers.put("a", "1");
  fails = true;
  CHECK_THROWS_WITH_AS(tiers.put("a", "2"), "no weight", std::runtime_error);
  CHECK(tiers.get("a") != text("1"));

  std::atomic<bool> breaks{false};
  const auto broken = [&](const text&, const text&) {
    if (breaks) throw std::runtime_error("no weight");
    return 1;
  };
  auto behind = larder::make_cache<text, text>(larder::max_weight{10}, larder::weigher{broken});
  larder::tiered later{small(), larder::write_back(behind)};
  later.put("a", "1");
  CHECK(later.flush());
  breaks = true;
  later.put("a", "2");
  CHECK(later.flush());
  later.tier<0>().clear();
  CHECK(later.get("a") == std::nullopt);
}

TEST_CASE("of many that put the same absent key at once exactly one is told that it did, and its value is there") {
  for (int round = 0; round < 60; ++round) {
    larder::tiered tiers{small(), small(), large()};
    std::atomic<int> winners{0};
    std::atomic<int> winner{-1};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        if (tiers.put_if_absent("k", std::to_string(t))) {
          ++winners;
          winner = t;
        }
      });
    for (std::thread& t : threads) t.join();
    CHECK(winners == 1);
    CHECK(tiers.get("k") == std::to_string(winner));
  }
}

TEST_CASE("who has put a key sees its own value, whatever loads of the key are on their way") {
  larder::tiered tiers{small(), large()};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> loaders;
  for (int t = 0; t < 3; ++t)
    loaders.emplace_back([&] {
      while (!done) tiers.get_or_load("k", [] { return text("loaded"); });
    });
  for (int i = 0; i < 1500; ++i) {
    const text mine = std::to_string(i);
    tiers.put("k", mine);
    if (tiers.get("k").value_or(mine) != mine) ++wrong;
    tiers.erase("k");
  }
  done = true;
  for (std::thread& t : loaders) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("after writes that overlapped, all tiers that have the key have one value") {
  larder::tiered tiers{small(), small(), large()};
  for (int round = 0; round < 150; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 5; ++i) tiers.put("k", std::to_string(t) + "." + std::to_string(i));
      });
    for (std::thread& t : threads) t.join();
    const auto right = tiers.tier<2>().peek("k");
    REQUIRE(right.has_value());
    CHECK(tiers.tier<1>().peek("k").value_or(*right) == *right);
    CHECK(tiers.tier<0>().peek("k").value_or(*right) == *right);
    CHECK(tiers.get("k") == right);
  }
}

TEST_CASE("a write_back tier that owes too much drops the oldest when it may; the tier has no older value for it then, and it is counted") {
  struct gate {
    std::counting_semaphore<100> begun{0};
    std::counting_semaphore<100> permits{0};
  } at;
  std::atomic<bool> waits{false};
  const auto weigh = [&](const text&, const text&) {
    if (waits) {
      at.begun.release();
      at.permits.acquire();
    }
    return 1;
  };
  auto slow = larder::make_cache<text, text>(larder::max_weight{100}, larder::weigher{weigh});
  larder::tiered tiers{small(), larder::write_back(slow, {.most_bytes = 8, .flush_deadline = std::chrono::seconds(30), .when_full = larder::full_queue::drop_oldest})};
  tiers.put("a", "old");
  CHECK(tiers.flush());
  waits = true;
  tiers.put("b", "1");
  at.begun.acquire();  // b is being written
  tiers.put("a", "newer");
  CHECK(tiers.stats().owed_bytes == 6);
  tiers.put("c", "123456");  // for which a has to go
  CHECK(tiers.stats().dropped == 1);
  tiers.put("d", "");        // a leaves the fastest tier, which has two entries
  waits = false;
  at.permits.release(50);
  CHECK(tiers.flush());
  CHECK(tiers.stats().owed_bytes == 0);
  CHECK(!tiers.get("a"));  // not the old one
  CHECK(tiers.stats().dropped == 1);
  tiers.reset_stats();
  CHECK(tiers.stats().dropped == 0);
  CHECK(tiers.get("c") == "123456");
  tiers.put("a", "newest");
  CHECK(tiers.flush());
  CHECK(slow.get("a") == "newest");
}
