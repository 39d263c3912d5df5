// Tiers: promotion, who is written and how, one load over all, statistics per tier.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace larder::literals;

namespace {

using numbers = larder::cache<std::string, int, larder::lru, larder::max_entries>;

struct two {
  numbers fast{larder::max_entries{2}};
  numbers slow{larder::max_entries{100}};
};

}  // namespace

TEST_CASE("a hit in a slower tier is promoted, and then a hit in the faster") {
  two t;
  larder::tiered all{t.fast, t.slow};
  t.slow.put("a", 1);
  CHECK(all.get("a") == 1);
  CHECK(t.fast.contains("a"));
  CHECK(all.stats().promotions == 1);
  CHECK(all.get("a") == 1);
  const auto s = all.stats();
  CHECK(s.hits == 2);
  CHECK(s.misses == 0);
  CHECK(s[0].hits == 1);
  CHECK(s[1].hits == 1);
  CHECK(s.hit_rate() == 1.0);
  CHECK_FALSE(all.get("none").has_value());
  CHECK(all.stats().misses == 1);
}

TEST_CASE("puts, erases and clears go to every tier") {
  two t;
  larder::tiered all{t.fast, t.slow};
  CHECK(all.put("a", 1));
  CHECK(t.fast.get("a") == 1);
  CHECK(t.slow.get("a") == 1);
  CHECK(all.put("a", 2));
  CHECK(t.slow.get("a") == 2);
  CHECK(all.erase("a"));
  CHECK_FALSE(all.erase("a"));
  CHECK_FALSE(t.slow.contains("a"));
  for (const char* key : {"x.1", "x.2", "x.3", "y"}) all.put(key, 1);
  CHECK(t.fast.size() == 2);
  CHECK(all.contains("x.1"));
  CHECK(all.erase_prefix("x.") == 3);
  CHECK_FALSE(all.contains("x.3"));
  CHECK(all.erase_if([](const std::string& key) { return key == "y"; }) == 1);
  all.put("z", 1);
  all.clear();
  CHECK(t.fast.empty());
  CHECK(t.slow.empty());
}

TEST_CASE("put_if_absent looks at all tiers") {
  two t;
  larder::tiered all{t.fast, t.slow};
  t.slow.put("a", 1);
  CHECK_FALSE(all.put_if_absent("a", 2));
  CHECK(all.get("a") == 1);
  CHECK(all.put_if_absent("b", 3));
  CHECK(t.slow.get("b") == 3);
  CHECK(t.fast.get("b") == 3);
}

TEST_CASE("peek and contains promote nothing and count nothing") {
  two t;
  larder::tiered all{t.fast, t.slow};
  t.slow.put("a", 1);
  CHECK(all.peek("a") == 1);
  CHECK(all.contains("a"));
  CHECK_FALSE(all.contains("b"));
  CHECK(t.fast.empty());
  CHECK(all.stats().hits == 0);
  CHECK(all.stats().promotions == 0);
}

TEST_CASE("a read_only tier is read and never written") {
  two t;
  t.slow.put("a", 1);
  larder::tiered all{t.fast, larder::read_only(t.slow)};
  CHECK(all.get("a") == 1);
  all.put("b", 2);
  CHECK_FALSE(t.slow.contains("b"));
  CHECK(t.fast.contains("b"));
  CHECK(all.erase("a"));
  CHECK(all.get("a") == 1);  // it comes back from where it cannot be erased
  all.clear();
  CHECK(t.slow.size() == 1);
}

TEST_CASE("a write_back tier is written later, and flush waits for it") {
  two t;
  larder::tiered all{t.fast, larder::write_back(t.slow)};
  for (int i = 0; i < 50; ++i) CHECK(all.put(std::to_string(i), i));
  CHECK(all.get("7") == 7);  // evicted from the fast tier or not, written to the slow one or not
  CHECK(all.flush(1min));
  CHECK(t.slow.size() == 50);
  CHECK(all.erase("7"));
  CHECK_FALSE(all.contains("7"));
  CHECK(all.flush(1min));
  CHECK_FALSE(t.slow.contains("7"));
}

TEST_CASE("the destructor writes what a write_back tier is still owed") {
  two t;
  {
    larder::tiered all{t.fast, larder::write_back(t.slow)};
    for (int i = 0; i < 50; ++i) all.put(std::to_string(i), i);
  }
  CHECK(t.slow.size() == 50);
  CHECK(t.slow.get("49") == 49);
}

TEST_CASE("get_or_load loads once over all tiers and stores in all") {
  two t;
  larder::tiered all{t.fast, t.slow};
  int loads = 0;
  const auto loader = [&](const std::string& key) {
    ++loads;
    return static_cast<int>(key.size());
  };
  CHECK(all.get_or_load("abc", loader) == 3);
  CHECK(t.fast.get("abc") == 3);
  CHECK(t.slow.get("abc") == 3);
  t.fast.clear();
  CHECK(all.get_or_load("abc", loader) == 3);
  CHECK(loads == 1);
  CHECK(all.stats().loads == 1);
  CHECK(all.stats().misses == 1);
  CHECK(all.stats().hits == 1);
  CHECK_THROWS_AS(all.get_or_load("x", []() -> int { throw std::runtime_error("down"); }), std::runtime_error);
  CHECK(all.stats().load_failures == 1);
  CHECK(all.get_or_load("x", [] { return 1; }) == 1);
}

TEST_CASE("many threads that miss one key load it once") {
  two t;
  larder::tiered all{t.fast, t.slow};
  std::atomic<int> loads{0};
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      right += all.get_or_load("a", [&] {
        ++loads;
        opened.wait();
        return 7;
      }) == 7;
    });
  open.set_value();
  for (std::thread& thread : threads) thread.join();
  CHECK(loads == 1);
  CHECK(right == 8);
}

TEST_CASE("L13 over tiers: what is put during a load stays, what is erased stays away") {
  two t;
  larder::tiered all{t.fast, t.slow};
  const auto during_load = [&](auto&& meanwhile) {
    std::promise<void> entered;
    std::promise<void> open;
    std::thread leader([&] {
      CHECK(all.get_or_load("a", [&] {
        entered.set_value();
        open.get_future().wait();
        return 7;
      }) == 7);
    });
    entered.get_future().wait();
    meanwhile();
    open.set_value();
    leader.join();
  };
  during_load([&] { all.put("a", 1); });
  CHECK(all.get("a") == 1);
  CHECK(t.slow.get("a") == 1);
  all.erase("a");
  during_load([&] { all.erase("a"); });
  CHECK_FALSE(all.contains("a"));
  during_load([&] { all.clear(); });
  CHECK_FALSE(t.fast.contains("a"));
  CHECK_FALSE(t.slow.contains("a"));
}

TEST_CASE("asking for one's own key from a loader is an error over tiers as well") {
  two t;
  larder::tiered all{t.fast, t.slow};
  CHECK_THROWS_AS(all.get_or_load("a", [&] { return all.get_or_load("a", [] { return 1; }); }), larder::error);
  CHECK(all.get_or_load("a", [&] { return all.get_or_load("b", [] { return 1; }); }) == 1);
}

TEST_CASE("owned tiers live with the whole, and get_many keeps its order") {
  auto slow = std::make_unique<numbers>(larder::max_entries{10});
  numbers fast{larder::max_entries{2}};
  larder::tiered all{fast, std::move(slow)};
  all.put("a", 1);
  all.put("b", 2);
  all.put("c", 3);
  CHECK(all.get_many({"c", "none", "a"}) == std::vector<std::optional<int>>{3, std::nullopt, 1});
  CHECK(all.tier<1>().size() == 3);
  CHECK(all.tier<0>().size() == 2);
}

TEST_CASE("a time to live goes to every tier") {
  larder::manual_clock now;
  auto fast = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::ttl{}, larder::time_source{now});
  auto slow = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::ttl{}, larder::time_source{now});
  larder::tiered all{fast, slow};
  all.put("a", 1, 10s);
  now += 10s;
  CHECK(all.get("a") == 1);
  now += 1s;
  CHECK_FALSE(all.get("a").has_value());
}

TEST_CASE("an entry that one tier refuses is in the others") {
  larder::cache<std::string, std::string, larder::max_bytes> fast{larder::max_bytes{10}};
  larder::cache<std::string, std::string, larder::max_bytes> slow{larder::max_bytes{1000}};
  larder::tiered all{fast, slow};
  CHECK(all.put("big", std::string(100, 'x')));
  CHECK_FALSE(fast.contains("big"));
  CHECK(all.get("big") == std::string(100, 'x'));
  all.put("key", "old");
  CHECK(all.put("key", std::string(100, 'n')));
  CHECK(all.get("key") == std::string(100, 'n'));  // not the old value of the fast tier
  CHECK_FALSE(all.put("huge", std::string(2000, 'x')));
}
