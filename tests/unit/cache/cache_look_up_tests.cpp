// get, get_many, visit, peek, contains, for_each, size, weight, capacity, stats.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace larder::literals;

TEST_CASE("the first snippet of the design page") {
  auto names = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{1000});
  CHECK(names.put("a", 1));
  const std::optional<int> a = names.get("a");
  CHECK(a == 1);
  larder::cache<std::string, int, larder::lru, larder::max_entries> same{larder::max_entries{1000}};
  same.put("a", 1);
  CHECK(same.get("a") == 1);
}

TEST_CASE("the second snippet: two limits, a weigher, expiry, listeners, a test clock") {
  larder::manual_clock now;
  std::vector<std::string> left;
  auto c = larder::make_cache<std::string, std::string>(
      larder::lru{}, larder::max_entries{3}, larder::max_weight{1000},
      larder::weigher{[](const std::string& k, const std::string& v) { return k.size() + v.size(); }}, larder::expire_after_write{24h},
      larder::time_source{now},
      larder::removal_listener{[&](const std::string& key, const std::string&, larder::removal_cause) { left.push_back(key); }},
      larder::error_listener{[](const larder::error_event&) {}});
  c.put("a", std::string(99, 'x'));
  CHECK(c.weight() == 100);
  c.put("b", "1");
  c.put("c", "1");
  c.put("d", "1");
  CHECK(left == std::vector<std::string>{"a"});
  CHECK(c.weight() == 6);
  now += 24h;
  CHECK(c.get("b").has_value());
  now += 1ns;
  CHECK_FALSE(c.get("b").has_value());
}

TEST_CASE("get gives the value and counts; peek and contains do neither count nor use") {
  auto c = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{2});
  c.put("old", 1);
  c.put("new", 2);
  CHECK(c.peek("old") == 1);
  CHECK(c.contains("old"));
  CHECK_FALSE(c.peek("none").has_value());
  CHECK_FALSE(c.contains("none"));
  CHECK(c.stats().hits == 0);
  CHECK(c.stats().misses == 0);
  c.put("third", 3);
  CHECK_FALSE(c.contains("old"));  // the looks were no uses
  CHECK(c.get("new") == 2);
  CHECK_FALSE(c.get("old").has_value());
  CHECK(c.stats().hits == 1);
  CHECK(c.stats().misses == 1);
}

TEST_CASE("get counts as a use") {
  auto c = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{2});
  c.put("old", 1);
  c.put("new", 2);
  CHECK(c.get("old") == 1);
  c.put("third", 3);
  CHECK(c.contains("old"));
  CHECK_FALSE(c.contains("new"));
}

TEST_CASE("visit sees the value in place, once, and counts as a use") {
  auto c = larder::make_cache<std::string, std::unique_ptr<int>>(larder::lru{}, larder::max_entries{2});
  c.put("a", std::make_unique<int>(7));
  c.put("b", std::make_unique<int>(8));
  int seen = 0;
  const int* first = nullptr;
  CHECK(c.visit("a", [&](const std::unique_ptr<int>& p) {
    seen += *p;
    first = p.get();
  }));
  CHECK(seen == 7);
  CHECK(c.visit("a", [&](const auto& p) { CHECK(p.get() == first); }));
  CHECK_FALSE(c.visit("none", [&](const auto&) { seen = -1; }));
  CHECK(seen == 7);
  c.put("c", nullptr);
  CHECK(c.contains("a"));
  CHECK_FALSE(c.contains("b"));
  CHECK(c.stats().hits == 2);
  CHECK(c.stats().misses == 1);
}

TEST_CASE("what a visitor throws reaches the caller and leaves the cache whole") {
  auto c = larder::make_cache<int, int>(larder::max_entries{2});
  c.put(1, 1);
  CHECK_THROWS_AS(c.visit(1, [](int) { throw 5; }), int);
  CHECK(c.get(1) == 1);
  c.put(1, 2);
  CHECK(c.get(1) == 2);
}

TEST_CASE("get_many keeps the order of its keys, present or not") {
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10});
  c.put("a", 1);
  c.put("b", 2);
  const std::vector<std::optional<int>> expected{2, std::nullopt, 1, 2};
  CHECK(c.get_many({"b", "none", "a", "b"}) == expected);
  CHECK(c.get_many(std::vector<std::string_view>{"b", "none", "a", "b"}) == expected);
  CHECK(c.get_many(std::set<std::string>{}).empty());
  CHECK(c.stats().hits == 6);
  CHECK(c.stats().misses == 2);
}

TEST_CASE("bytes come out without a copy and outlive their entry") {
  auto c = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{100});
  const larder::bytes value = larder::bytes::copy_of(std::string(60, 'v'));
  c.put("a", value);
  const larder::bytes got = *c.get("a");
  CHECK(got.data() == value.data());
  c.put("b", larder::bytes::copy_of(std::string(60, 'w')));
  CHECK_FALSE(c.contains("a"));
  CHECK(got.text() == std::string(60, 'v'));
}

TEST_CASE("for_each lists key, weight and age of the living") {
  larder::manual_clock now;
  auto c = larder::make_cache<std::string, std::string>(larder::max_bytes{1000}, larder::expire_after_write{10s}, larder::time_source{now});
  c.put("old", "12345");
  now += 4s;
  c.put("young", "123");
  now += 2s;
  std::map<std::string, std::pair<std::uint64_t, larder::duration>> seen;
  c.for_each([&](const std::string& key, std::uint64_t weight, larder::duration age) { seen[key] = {weight, age}; });
  CHECK(seen == decltype(seen){{"old", {5, 6s}}, {"young", {3, 2s}}});
  now += 5s;
  seen.clear();
  c.for_each([&](const std::string& key, std::uint64_t weight, larder::duration age) { seen[key] = {weight, age}; });
  CHECK(seen == decltype(seen){{"young", {3, 7s}}});
}

TEST_CASE("for_each holds no lock: it may change the cache") {
  auto c = larder::make_cache<int, int>(larder::max_entries{100});
  for (int i = 0; i < 20; ++i) c.put(i, i);
  int listed = 0;
  c.for_each([&](int key, std::uint64_t, larder::duration) {
    ++listed;
    c.erase(key);
    c.put(key + 50, key);
  });
  CHECK(listed == 20);
  CHECK(c.size() == 20);
}

TEST_CASE("weight counts bytes, else the weigher's, else entries") {
  auto by_bytes = larder::make_cache<std::string, std::vector<float>>(larder::max_bytes{1000}, larder::max_entries{10});
  by_bytes.put("a", std::vector<float>(10));
  CHECK(by_bytes.weight() == 40);
  CHECK(by_bytes.size() == 1);
  auto by_weigher = larder::make_cache<std::string, int>(larder::max_weight{1000}, larder::weigher{[](std::string_view, int n) { return n; }});
  by_weigher.put("a", 30);
  by_weigher.put("b", 12);
  by_weigher.put("a", 5);
  CHECK(by_weigher.weight() == 17);
  auto by_entries = larder::make_cache<std::string, std::string>(larder::max_entries{10});
  by_entries.put("a", std::string(500, 'x'));
  CHECK(by_entries.weight() == 1);
  CHECK(by_entries.stats().overhead_bytes > 0);
}

TEST_CASE("size and empty follow what is in") {
  auto c = larder::make_cache<int, int>(larder::max_entries{10});
  CHECK(c.empty());
  CHECK(c.size() == 0);
  c.put(1, 1);
  c.put(2, 2);
  c.put(2, 3);
  CHECK_FALSE(c.empty());
  CHECK(c.size() == 2);
  c.erase(1);
  c.erase(2);
  CHECK(c.empty());
}

TEST_CASE("statistics count demand and start anew when reset") {
  auto c = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{2});
  c.put(1, 1);
  c.put(2, 2);
  c.put(2, 20);
  c.put(3, 3);
  c.get(3);
  c.get(2);
  c.get(2);
  c.get(1);
  larder::cache_stats s = c.stats();
  CHECK(s.hits == 3);
  CHECK(s.misses == 1);
  CHECK(s.insertions == 4);
  CHECK(s.evictions == 1);
  CHECK(s.refused == 0);
  CHECK(s.hit_rate() == doctest::Approx(0.75));
  CHECK(c.get_or_load(9, [] { return 9; }) == 9);
  s = c.stats();
  CHECK(s.loads == 1);
  CHECK(s.misses == 2);
  CHECK(s.load_time >= 0ns);
  c.reset_stats();
  s = c.stats();
  CHECK(s.hits + s.misses + s.insertions + s.evictions + s.loads == 0);
  CHECK(s.load_time == 0ns);
  CHECK(c.size() == 2);
}

TEST_CASE("an empty string and an empty value are a key and a value like others") {
  auto c = larder::make_cache<std::string, std::string>(larder::max_bytes{10});
  CHECK(c.put("", ""));
  CHECK(c.get("") == "");
  CHECK(c.contains(""));
  CHECK(c.erase(""));
}

TEST_CASE("one thread alone: unsynchronized does all the same") {
  auto c = larder::make_cache<std::string, int>(larder::unsynchronized{}, larder::lru{}, larder::max_entries{2}, larder::ttl{});
  c.put("a", 1);
  c.put("b", 2, 1h);
  CHECK(c.get_or_load("c", [](const std::string& key) { return static_cast<int>(key.size()); }) == 1);
  CHECK_FALSE(c.contains("a"));
  CHECK(c.erase_prefix("b") == 1);
  c.set_capacity(1);
  CHECK(c.size() == 1);
  CHECK(c.pin("c"));
}
