#include "support/refusal.hpp"

#include <larder/larder.hpp>
#include <larder/observe/key_history.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using larder::key_change;
using namespace larder::literals;

namespace {

std::vector<key_change> changes(const std::vector<larder::key_event>& events) {
  std::vector<key_change> found;
  for (const larder::key_event& e : events) found.push_back(e.change);
  return found;
}
using list = std::vector<key_change>;

}  // namespace

TEST_CASE("the life of a key is told: when it came, why it left, and for whose put") {
  larder::manual_clock now;
  auto cache = larder::make_cache<std::string, std::string>(larder::lru{}, larder::max_entries{2}, larder::expire_after_write{1h},
                                                            larder::time_source{now}, larder::key_history{.share = 1.0});
  const larder::instant before = larder::wall_time::now();
  cache.put("a", "1");
  cache.put("a", "22");
  cache.put("b", "1");
  cache.put("c", "1");  // a leaves
  const std::vector<larder::key_event> life = cache.history("a");
  REQUIRE(changes(life) == list{key_change::inserted, key_change::replaced, key_change::inserted, key_change::evicted});
  CHECK(life[0].weight == 1);
  CHECK(life[2].weight == 2);
  CHECK(life[0].when >= before);
  CHECK(life[3].when <= larder::wall_time::now());
  CHECK(std::is_sorted(life.begin(), life.end(), [](const auto& x, const auto& y) { return x.when < y.when; }));
  CHECK(!life[1].has_maker);
  CHECK(life[3].has_maker);
  CHECK(life[3].maker_text == "c");
  CHECK(life[3].maker == cache.hash_of("c"));
  CHECK(life[3].text().ends_with(" UTC evicted (weight 2) for \"c\""));

  cache.erase("b");
  CHECK(changes(cache.history("b")) == list{key_change::inserted, key_change::erased});
  now.advance(2h);
  CHECK(!cache.get("c"));
  CHECK(changes(cache.history("c")) == list{key_change::inserted, key_change::expired});
  CHECK(cache.history("never").empty());
}

TEST_CASE("who is not chosen is not followed") {
  auto cache = larder::make_cache<int, int>(larder::fifo{}, larder::max_entries{10}, larder::key_history{});
  cache.put(1, 1);
  CHECK(cache.history(1).empty());
  CHECK(cache.follow(1));
  CHECK(cache.follow(1));
  for (int i = 2; i < 12; ++i) cache.put(i, i);
  const std::vector<larder::key_event> life = cache.history(1);
  REQUIRE(changes(life) == list{key_change::evicted});
  CHECK(life[0].maker_text == "11");
  CHECK(cache.history(2).empty());
  int followed = 1;
  for (int i = 100; i < 1000; ++i) followed += cache.follow(i) ? 1 : 0;
  CHECK(followed == 256);
}

TEST_CASE("a share of the keys is followed") {
  auto cache = larder::make_cache<int, int>(larder::max_entries{10'000}, larder::key_history{.share = 0.1});
  int followed = 0;
  for (int i = 0; i < 10'000; ++i) {
    cache.put(i, i);
    followed += cache.history(i).empty() ? 0 : 1;
  }
  CHECK(followed > 800);
  CHECK(followed < 1200);
}

TEST_CASE("only the last events are kept") {
  auto cache = larder::make_cache<int, int>(larder::max_entries{100}, larder::key_history{.share = 1.0, .events = 5});
  for (int i = 0; i < 8; ++i) cache.put(i, i);
  CHECK(cache.history(2).empty());
  for (int i = 3; i < 8; ++i) CHECK(changes(cache.history(i)) == list{key_change::inserted});
  for (int i = 0; i < 3; ++i) cache.put(7, i);
  const std::vector<larder::key_event> life = cache.history(7);
  CHECK(changes(life) ==
        list{key_change::inserted, key_change::replaced, key_change::inserted, key_change::replaced, key_change::inserted});
}

TEST_CASE("a refused put is remembered, and what it took with it") {
  auto cache = larder::make_cache<std::string, std::string>(larder::max_bytes{10}, larder::key_history{.share = 1.0});
  cache.put("a", "123");
  CHECK(!cache.put("a", std::string(11, 'x')));
  CHECK(changes(cache.history("a")) == list{key_change::inserted, key_change::replaced, key_change::refused});
  cache.put("b", "1");
  cache.clear();
  CHECK(changes(cache.history("b")) == list{key_change::inserted, key_change::erased});
}

TEST_CASE("shards tell for whose put their entries left, too") {
  larder::cache<int, int, larder::lru, larder::max_entries, larder::sharded<8>, larder::key_history> cache{
      larder::max_entries{64}, larder::key_history{.share = 1.0, .events = 100'000}};
  for (int i = 0; i < 1000; ++i) cache.put(i, i);
  int evicted = 0;
  for (int i = 0; i < 1000; ++i)
    for (const larder::key_event& e : cache.history(i))
      if (e.change == key_change::evicted) {
        ++evicted;
        CHECK(e.has_maker);
        CHECK(!e.maker_text.empty());
        CHECK(std::stoi(e.maker_text) > i);
      }
  CHECK(evicted == 1000 - 64);
}

TEST_CASE("threads change keys while others ask what became of them") {
  auto cache = larder::make_cache<int, std::string>(larder::max_entries{20}, larder::key_history{.share = 0.5, .events = 64});
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        cache.put(i % 100, "x");
        if (i % 7 == t) cache.erase(i % 50);
      }
    });
  std::size_t most = 0;
  for (int i = 0; i < 500; ++i) most = std::max(most, cache.history(i % 100).size());
  for (std::thread& t : threads) t.join();
  CHECK(most <= 64);
}

TEST_CASE("settings that cannot be meant are refused") {
  const auto made = [](larder::key_history policy) {
    return [policy] { auto c = larder::make_cache<int, int>(larder::max_entries{1}, larder::key_history(policy)); };
  };
  CHECK_THROWS_AS(made({.share = 1.5})(), larder::error);
  CHECK_THROWS_AS(made({.share = -0.1})(), larder::error);
  CHECK_THROWS_AS(made({.share = 0.5, .events = 0})(), larder::error);
}

TEST_CASE("key_history: the text of an event is one line, whatever the key is that it names") {
  larder::key_event event;
  event.change = larder::key_change::evicted;
  event.weight = 4;
  event.has_maker = true;
  event.maker_text = "line\nbreak\"";
  CHECK(event.text().ends_with(" UTC evicted (weight 4) for \"line\\u000abreak\\\"\""));
}
