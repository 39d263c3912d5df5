// What the user's own parts throw: a put may fail, the cache stays exact.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/hash/hash_with.hpp>
#include <larder/limit/weigher.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <cstdint>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

int copies_until_failure = -1;  // negative: never

void count_copy() {
  if (copies_until_failure < 0) return;
  if (copies_until_failure-- == 0) throw std::bad_alloc();
}

/// A key whose copies may fail, as a string's may; it cannot be moved either.
struct fragile_key {
  explicit fragile_key(int n) : number(n) {}
  fragile_key(const fragile_key& other) : number(other.number) { count_copy(); }
  fragile_key& operator=(const fragile_key&) = default;
  bool operator==(const fragile_key&) const = default;
  int number;
};

struct hash_number {
  std::uint64_t operator()(const fragile_key& key) const { return static_cast<std::uint64_t>(key.number); }
};

template <class Cache>
void check_exact(Cache& c, std::size_t keys) {
  copies_until_failure = -1;
  std::uint64_t weight = 0;
  std::uint64_t entries = 0;
  c.for_each([&](const fragile_key&, std::uint64_t w, larder::duration) {
    weight += w;
    ++entries;
  });
  REQUIRE(c.weight() == weight);
  REQUIRE(c.size() == entries);
  std::size_t found = 0;
  for (std::size_t i = 0; i < keys; ++i) found += c.contains(fragile_key(static_cast<int>(i))) ? 1 : 0;
  REQUIRE(found == entries);
}

}  // namespace

TEST_CASE("a key that cannot be copied fails its put and nothing else") {
  using value = std::string;
  std::mt19937 random(3);
  larder::cache<fragile_key, value, larder::lru, larder::max_bytes, larder::unsynchronized, larder::hash_with<hash_number>> c{
      larder::max_bytes{60}, larder::hash_with{hash_number{}}};
  int failures = 0;
  for (int step = 0; step < 4000; ++step) {
    const fragile_key key(static_cast<int>(random() % 12));
    copies_until_failure = random() % 4 == 0 ? static_cast<int>(random() % 3) : -1;
    try {
      if (random() % 4 == 0)
        c.erase(key);
      else
        c.put(key, value(random() % 20, 'x'));
    } catch (const std::bad_alloc&) {
      ++failures;
    }
    check_exact(c, 12);
    REQUIRE(c.weight() <= 60);
  }
  CHECK(failures > 50);
  c.clear();
  CHECK(c.size() == 0);
  CHECK(c.weight() == 0);
}

TEST_CASE("a put whose key cannot be copied while it replaces leaves the old value or none, and pins as they were") {
  larder::cache<fragile_key, std::string, larder::lru, larder::max_entries, larder::hash_with<hash_number>> c{
      larder::max_entries{2}, larder::hash_with{hash_number{}}};
  for (int fails_at = 0; fails_at < 4; ++fails_at) {
    c.put(fragile_key(1), "old");
    const auto lease = c.pin(fragile_key(1));
    copies_until_failure = fails_at;
    bool threw = false;
    try {
      c.put(fragile_key(1), "new");
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    check_exact(c, 4);
    const auto now = c.get(fragile_key(1));
    if (threw)
      CHECK((!now || *now == "old"));
    else
      CHECK(now == "new");
  }
}

TEST_CASE("what a weigher throws reaches the caller of put, and the old value stays") {
  bool fails = false;
  const auto weigh = [&](const std::string&, int n) {
    if (fails) throw std::runtime_error("no weight");
    return static_cast<std::uint64_t>(n);
  };
  auto c = larder::make_cache<std::string, int>(larder::max_weight{100}, larder::weigher{weigh});
  CHECK(c.put("a", 5));
  fails = true;
  CHECK_THROWS_WITH_AS(c.put("a", 7), "no weight", std::runtime_error);
  CHECK_THROWS_WITH_AS(c.put("b", 7), "no weight", std::runtime_error);
  CHECK(c.get("a") == 5);
  CHECK(!c.contains("b"));
  CHECK(c.weight() == 5);
}

TEST_CASE("what a predicate throws reaches the caller of erase_if, and the cache goes on") {
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10});
  for (int i = 0; i < 5; ++i) c.put(std::to_string(i), i);
  CHECK_THROWS_WITH_AS(c.erase_if([](const std::string&, int n) -> bool {
    if (n == 3) throw std::runtime_error("no answer");
    return false;
  }),
                       "no answer", std::runtime_error);
  CHECK(c.size() == 5);
  CHECK(c.erase_if([](const std::string&, int n) { return n > 2; }) == 2);
}

TEST_CASE("what a listener throws is counted and told to the error listener; everybody else is told still") {
  std::vector<std::string> told;
  std::vector<larder::error_event> errors;
  auto c = larder::make_cache<std::string, int>(
      larder::lru{}, larder::max_entries{2}, larder::removal_listener{[&](const std::string& key, int, larder::removal_cause) {
        told.push_back(key);
        if (key == "a") throw std::runtime_error("a listener's own trouble");
      }},
      larder::error_listener{[&](const larder::error_event& e) { errors.push_back(e); }});
  c.put("a", 1);
  c.put("b", 2);
  c.set_capacity(0);
  CHECK(told == std::vector<std::string>{"a", "b"});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].cause == larder::error_cause::listener);
  CHECK(errors[0].message.find("a listener's own trouble") != std::string::npos);
  CHECK(c.stats().errors[larder::error_cause::listener] == 1);
}

TEST_CASE("a value that can be moved but not assigned can be replaced") {
  struct fixed {
    explicit fixed(int n) : number(n) {}
    const int number;
  };
  larder::cache<std::string, fixed, larder::max_entries> c{larder::max_entries{2}};
  c.put("a", fixed(1));
  c.put("a", fixed(2));
  CHECK(c.get("a")->number == 2);
}
