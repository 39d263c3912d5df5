// put, put with a time to live, put_if_absent, expiry, limits, watermark, capacity, erase and its kin, pins, listeners.
#include <larder/larder.hpp>
#include <larder/storage/put_request.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using namespace larder::literals;
using larder::removal_cause;

namespace {

/// What a removal_listener was told, in order.
struct departures {
  std::vector<std::tuple<std::string, int, removal_cause>> rows;
  auto listener() {
    return larder::removal_listener{[this](const std::string& key, int value, removal_cause cause) { rows.emplace_back(key, value, cause); }};
  }
};
using rows = std::vector<std::tuple<std::string, int, removal_cause>>;

template <class F>
larder::error_cause cause_of(F&& f) {
  try {
    f();
  } catch (const larder::error& e) {
    return e.cause();
  }
  FAIL("did not throw larder::error");
  return larder::error_cause::io;
}

}  // namespace

TEST_CASE("put stores and replaces") {
  departures told;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10}, told.listener());
  CHECK(c.put("a", 1));
  CHECK(c.put("a", 2));
  CHECK(c.get("a") == 2);
  CHECK(c.size() == 1);
  CHECK(told.rows == rows{{"a", 1, removal_cause::replaced}});
}

TEST_CASE("put_if_absent leaves what is there") {
  larder::manual_clock now;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::expire_after_write{5s}, larder::time_source{now});
  CHECK(c.put_if_absent("a", 1));
  CHECK_FALSE(c.put_if_absent("a", 2));
  CHECK(c.get("a") == 1);
  now += 6s;
  CHECK(c.put_if_absent("a", 3));  // what has expired is not there
  CHECK(c.get("a") == 3);
}

TEST_CASE("what is larger than the cache is refused, evicts nothing, and the older value is no longer true") {
  departures told;
  auto c = larder::make_cache<std::string, std::string>(larder::max_bytes{10});
  CHECK(c.put("a", "12345"));
  CHECK(c.put("b", "12345"));
  CHECK_FALSE(c.put("c", "12345678901"));
  CHECK(c.size() == 2);
  CHECK(c.stats().refused == 1);
  CHECK(c.stats().evictions == 0);
  CHECK_FALSE(c.put("a", "12345678901"));
  CHECK_FALSE(c.contains("a"));
  CHECK(c.contains("b"));
  CHECK(c.weight() == 5);
  CHECK_FALSE(c.put_if_absent("c", "12345678901"));
}

TEST_CASE("a cache without room stores nothing and stays right") {
  auto c = larder::make_cache<int, int>(larder::max_entries{0});
  CHECK_FALSE(c.put(1, 1));
  CHECK_FALSE(c.get(1).has_value());
  CHECK(c.get_or_load(1, [] { return 5; }) == 5);
  CHECK(c.empty());
}

TEST_CASE("a time to live of its own ends one entry and not the others") {
  larder::manual_clock now;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::ttl{}, larder::time_source{now});
  c.put("short", 1, 10s);
  c.put("long", 2, 1h);
  c.put("none", 3);
  now += 10s;
  CHECK(c.get("short") == 1);
  now += 1ns;
  CHECK_FALSE(c.get("short").has_value());
  CHECK(c.get("long") == 2);
  c.put("long", 4);  // stored anew, without one
  now += 1000h;
  CHECK(c.get("long") == 4);
  CHECK(c.get("none") == 3);
  CHECK(c.stats().expirations == 1);
  CHECK(cause_of([&] { c.put("x", 1, 0s); }) == larder::error_cause::invalid_argument);
  CHECK(cause_of([&] { c.put("x", 1, -5s); }) == larder::error_cause::invalid_argument);
  c.put("forever", 5, std::chrono::hours::max());
  now += 10000h;
  CHECK(c.get("forever") == 5);
}

TEST_CASE("of several expiries the first one over acts") {
  larder::manual_clock now;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::ttl{}, larder::expire_after_write{10s},
                                                larder::expire_after_access{4s}, larder::time_source{now});
  c.put("a", 1);
  for (int i = 0; i < 3; ++i) {
    now += 3s;
    CHECK(c.get("a") == 1);  // each use puts the end off
  }
  now += 2s;
  CHECK_FALSE(c.get("a").has_value());  // 11 s after the write
  c.put("b", 1, 2s);
  now += 3s;
  CHECK_FALSE(c.get("b").has_value());
  c.put("c", 1);
  now += 4s;
  CHECK(c.peek("c") == 1);
  CHECK(c.contains("c"));
  now += 1s;
  CHECK_FALSE(c.contains("c"));  // looks were no uses
}

TEST_CASE("expired entries leave when they are met, counted and told once") {
  larder::manual_clock now;
  departures told;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::expire_after_write{5s}, larder::time_source{now}, told.listener());
  for (const char* key : {"a", "b", "c", "d"}) c.put(key, 1);
  now += 6s;
  CHECK(c.size() == 4);
  CHECK_FALSE(c.get("a").has_value());
  CHECK(told.rows == rows{{"a", 1, removal_cause::expired}});
  CHECK_FALSE(c.erase("b"));
  CHECK(c.stats().misses == 1);
  CHECK(c.put("c", 2));
  CHECK(told.rows == rows{{"a", 1, removal_cause::expired}, {"b", 1, removal_cause::expired}, {"c", 1, removal_cause::expired}});
  CHECK(c.purge_expired() == 1);
  CHECK(c.purge_expired() == 0);
  CHECK(c.size() == 1);
  CHECK(c.stats().expirations == 4);
  CHECK(c.stats().evictions == 0);
}

TEST_CASE("limits combine: the first one reached acts") {
  auto c = larder::make_cache<std::string, std::string>(larder::fifo{}, larder::max_entries{3}, larder::max_bytes{10});
  c.put("a", "1");
  c.put("b", "1");
  c.put("c", "1");
  c.put("d", "1");
  CHECK(c.size() == 3);
  CHECK_FALSE(c.contains("a"));
  c.put("e", "12345678");
  CHECK(c.weight() <= 10);
  CHECK(c.contains("e"));
  CHECK(c.contains("d"));
  CHECK_FALSE(c.contains("b"));
}

TEST_CASE("three limits at once, each with its own number") {
  auto c = larder::make_cache<std::string, std::string>(larder::fifo{}, larder::max_entries{100}, larder::max_bytes{1000}, larder::max_weight{5},
                                                        larder::weigher{[](std::string_view, const std::string&) { return 2; }});
  for (const char* key : {"a", "b", "c"}) c.put(key, "value");
  CHECK(c.size() == 2);
  CHECK(c.capacity<larder::max_entries>() == 100);
  CHECK(c.capacity<larder::max_bytes>() == 1000);
  CHECK(c.capacity<larder::max_weight>() == 5);
  c.set_capacity(larder::max_weight{3});
  CHECK(c.size() == 1);
  CHECK(c.capacity<larder::max_weight>() == 3);
  CHECK(c.capacity<larder::max_bytes>() == 1000);
}

TEST_CASE("a capacity that shrinks acts at once, one that grows evicts nothing") {
  departures told;
  auto c = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{5}, told.listener());
  for (const char* key : {"a", "b", "c", "d", "e"}) c.put(key, 1);
  c.get("a");
  CHECK(c.capacity() == 5);
  c.set_capacity(2);
  CHECK(c.size() == 2);
  CHECK(c.contains("a"));
  CHECK(c.contains("e"));
  CHECK(told.rows.size() == 3);
  CHECK(c.capacity() == 2);
  c.set_capacity(larder::max_entries{4});
  CHECK(c.size() == 2);
  c.put("f", 1);
  c.put("g", 1);
  CHECK(c.size() == 4);
  CHECK(told.rows.size() == 3);
}

TEST_CASE("an unbounded cache keeps everything") {
  auto c = larder::make_cache<int, int>(larder::unbounded{});
  for (int i = 0; i < 5000; ++i) c.put(i, i);
  CHECK(c.size() == 5000);
  CHECK(c.get(0) == 0);
  CHECK(c.capacity() == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("a capacity may grow past what was allocated at first") {
  auto c = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{10});
  c.set_capacity(5000);
  for (int i = 0; i < 6000; ++i) c.put(i, i);
  CHECK(c.size() == 5000);
  CHECK(c.get(1000) == 1000);
  CHECK_FALSE(c.contains(999));
}

TEST_CASE("a watermark cleans up in one go") {
  auto c = larder::make_cache<int, int>(larder::fifo{}, larder::max_entries{10}, larder::watermark{0.5});
  for (int i = 0; i < 9; ++i) c.put(i, i);
  CHECK(c.size() == 9);
  c.put(9, 9);
  CHECK(c.size() == 5);
  CHECK(c.contains(9));
  CHECK(c.contains(5));
  CHECK_FALSE(c.contains(4));
  CHECK(c.stats().evictions == 5);
}

TEST_CASE("erase says whether the key was there") {
  departures told;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10}, told.listener());
  c.put("a", 1);
  CHECK(c.erase("a"));
  CHECK_FALSE(c.erase("a"));
  CHECK(told.rows == rows{{"a", 1, removal_cause::erased}});
}

TEST_CASE("erase_if by key or by value, erase_prefix and clear say or leave how many") {
  departures told;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{100}, told.listener());
  const auto fill = [&] {
    for (const char* key : {"layer.0", "layer.1", "layer.10", "embed"}) c.put(key, static_cast<int>(std::string(key).size()));
  };
  fill();
  CHECK(c.erase_prefix("layer.1") == 2);
  CHECK(c.size() == 2);
  CHECK(c.erase_prefix("nothing") == 0);
  fill();
  CHECK(c.erase_if([](const std::string& key) { return key == "embed"; }) == 1);
  CHECK(c.erase_if([](const std::string&, int value) { return value == 7; }) == 2);
  CHECK(c.size() == 1);
  CHECK(c.erase_prefix("") == 1);
  fill();
  told.rows.clear();
  c.clear();
  CHECK(c.empty());
  CHECK(c.weight() == 0);
  CHECK(told.rows.size() == 4);
  for (const auto& row : told.rows) CHECK(std::get<2>(row) == removal_cause::erased);
  CHECK_FALSE(c.get("embed").has_value());
}

TEST_CASE("a predicate that throws reaches the caller; what it named before is gone") {
  auto c = larder::make_cache<int, int>(larder::max_entries{100});
  for (int i = 0; i < 10; ++i) c.put(i, i);
  int asked = 0;
  CHECK_THROWS_AS(c.erase_if([&](int) {
    if (++asked == 4) throw std::runtime_error("enough");
    return true;
  }),
                  std::runtime_error);
  CHECK(c.size() == 7);
}

TEST_CASE("a predicate may use the cache") {
  auto c = larder::make_cache<int, int>(larder::max_entries{100});
  for (int i = 0; i < 10; ++i) c.put(i, i);
  CHECK(c.erase_if([&](int key) { return c.peek(key) == 4; }) == 1);
  CHECK(c.size() == 9);
}

TEST_CASE("a pinned entry is not evicted while its lease lives") {
  auto c = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{2});
  c.put("a", 1);
  c.put("b", 2);
  {
    auto lease = c.pin("a");
    CHECK(lease);
    CHECK_FALSE(c.pin("none"));
    c.put("c", 3);
    c.put("d", 4);
    CHECK(c.contains("a"));
    CHECK(c.contains("d"));
    auto second = c.pin("a");
    auto moved = std::move(lease);
    CHECK_FALSE(lease);  // NOLINT: empty after the move
    moved.release();
    c.put("e", 5);
    CHECK(c.contains("a"));  // the second still holds it
    auto other = c.pin("e");
    CHECK_FALSE(c.put("f", 6));  // everything is pinned
    CHECK(c.stats().refused == 1);
    CHECK(c.size() == 2);
  }
  c.put("g", 7);
  c.put("h", 8);
  CHECK_FALSE(c.contains("a"));
  CHECK_FALSE(c.contains("e"));
}

TEST_CASE("pins keep nothing from erase, clear, expiry or put") {
  larder::manual_clock now;
  auto c = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{2}, larder::expire_after_write{5s}, larder::time_source{now});
  c.put("a", 1);
  {
    const auto lease = c.pin("a");
    CHECK(c.put("a", 2));
    CHECK(c.get("a") == 2);
    c.put("b", 1);
    c.put("c", 1);
    CHECK(c.contains("a"));  // still pinned after the replacement
    CHECK(c.erase("a"));
    CHECK_FALSE(c.contains("a"));
    c.put("a", 3);  // a new entry, which the old lease does not hold
    c.put("x", 1);
    c.put("y", 1);
    CHECK_FALSE(c.contains("a"));
  }
  c.put("z", 1);
  const auto lease = c.pin("z");
  now += 6s;
  CHECK_FALSE(c.get("z").has_value());
  CHECK_FALSE(c.pin("z"));
  c.put("z", 1);
  const auto again = c.pin("z");
  c.clear();
  CHECK(c.empty());
}

TEST_CASE("a capacity that shrinks leaves pinned entries, and they go when released") {
  auto c = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{4});
  for (int i = 0; i < 4; ++i) c.put(i, i);
  auto lease = c.pin(0);
  c.set_capacity(1);
  CHECK(c.size() == 1);
  CHECK(c.contains(0));
  lease.release();
  CHECK(c.put(9, 9));
  CHECK(c.size() == 1);
  CHECK(c.contains(9));
}

TEST_CASE("the removal listener runs without a lock and may use the cache") {
  larder::cache<int, int, larder::lru, larder::max_entries>* other = nullptr;
  larder::cache<int, int, larder::lru, larder::max_entries> attic{larder::max_entries{100}};
  other = &attic;
  auto c = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{2},
                                        larder::removal_listener{[&](int key, int value, removal_cause cause) {
                                          if (cause == removal_cause::evicted) other->put(key, value);
                                        }});
  for (int i = 0; i < 10; ++i) c.put(i, i);
  CHECK(attic.size() == 8);
}

TEST_CASE("a listener that throws is an error event, not an exception") {
  std::vector<std::string> heard;
  auto c = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{1},
                                        larder::removal_listener{[](int, int, removal_cause) { throw std::runtime_error("attic full"); }},
                                        larder::error_listener{[&](const larder::error_event& e) {
                                          heard.push_back(e.message);
                                          CHECK(e.cause == larder::error_cause::listener);
                                        }});
  CHECK(c.put(1, 1));
  CHECK(c.put(2, 2));
  CHECK(heard == std::vector<std::string>{"attic full"});
  CHECK(c.stats().errors[larder::error_cause::listener] == 1);
  CHECK(c.errors().total() == 1);
  CHECK(c.get(2) == 2);
  c.reset_stats();
  CHECK(c.errors().total() == 0);
}

TEST_CASE("a weigher that throws reaches the caller and nothing is stored") {
  auto c = larder::make_cache<int, int>(larder::max_weight{10}, larder::weigher{[](int key, int) {
                                          if (key == 13) throw std::runtime_error("unlucky");
                                          return 1;
                                        }});
  CHECK(c.put(1, 1));
  CHECK_THROWS_AS(c.put(13, 1), std::runtime_error);
  CHECK(c.size() == 1);
  CHECK(c.weight() == 1);
}

TEST_CASE("a value's destructor runs without a lock") {
  using shared = std::shared_ptr<void>;
  larder::cache<int, shared, larder::lru, larder::max_entries> c{larder::max_entries{1}};
  int seen = 0;
  c.put(1, shared(nullptr, [&](void*) {
          c.put_if_absent(100, nullptr);  // would wait for itself under the lock
          ++seen;
        }));
  c.put(2, nullptr);
  CHECK(seen == 1);
}

TEST_CASE("values that can only be moved are stored, replaced, evicted and told") {
  std::vector<int> gone;
  auto c = larder::make_cache<std::string, std::unique_ptr<int>>(
      larder::lru{}, larder::max_entries{2},
      larder::removal_listener{[&](const std::string&, const std::unique_ptr<int>& value, removal_cause) { gone.push_back(*value); }});
  c.put("a", std::make_unique<int>(1));
  c.put("a", std::make_unique<int>(2));
  c.put("b", std::make_unique<int>(3));
  c.put("c", std::make_unique<int>(4));
  CHECK(c.erase("c"));
  CHECK(c.put_if_absent("d", std::make_unique<int>(5)));
  CHECK_FALSE(c.put_if_absent("d", std::make_unique<int>(6)));
  CHECK(c.erase_prefix("d") == 1);
  CHECK(gone == std::vector<int>{1, 2, 4, 5});
  c.clear();
  CHECK(gone.size() == 5);
}
