#include <larder/eviction/ghost_lists.hpp>
#include <larder/eviction/ghost_ring.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include "failing_memory.hpp"
#include "order_host.hpp"

using namespace eviction_tests;
using larder::eviction::ghost_lists;
using larder::eviction::ghost_ring;

namespace {

/// The first of two pieces of memory, not the second.
struct half_memory : little_memory<1'000'000> {
  static void* allocate(std::size_t count, std::size_t size) noexcept {
    return size == 4 ? nullptr : little_memory<1'000'000>::allocate(count, size);
  }
};

}  // namespace

TEST_CASE("a ghost ring remembers the hashes of the last numbers, while it grows and shrinks") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    std::mt19937_64 random(seed);
    ghost_ring<> ring;
    std::map<std::uint64_t, int> expected;  // by number
    std::deque<std::uint64_t> waiting;      // numbers without their hash
    std::size_t remembered = 10;
    std::uint64_t floor = 0;
    int new_key = 0;
    for (int step = 0; step < 15'000; ++step) {
      if (random() % 1000 == 0) remembered = random() % (seed % 2 == 0 ? 50 : 1500);
      ring.advance(remembered);
      if (random() % 4 != 0) waiting.push_back(ring.newest());
      floor = std::max(floor, ring.newest() - std::min<std::uint64_t>(ring.newest(), std::max<std::size_t>(remembered, 1) - 1));
      while (waiting.size() > 1 + random() % 5) {
        const std::uint64_t number = waiting.front();
        waiting.pop_front();
        ring.insert(hash_of(++new_key), number);
        if (number >= floor) expected[number] = new_key;
      }
      expected.erase(expected.begin(), expected.lower_bound(floor));
      if (random() % 3 == 0) {
        const int key = new_key - static_cast<int>(random() % (2 * remembered + 1));
        const std::uint64_t asked = random() % 2 == 0 ? 0 : floor + random() % (ring.newest() - floor + 2);
        const auto at = std::find_if(expected.begin(), expected.end(), [&](const auto& e) { return e.second == key; });
        const bool there = at != expected.end() && at->first >= asked;
        REQUIRE(ring.take(hash_of(key), asked) == there);
        if (there) expected.erase(at);
      }
    }
    for (const auto& [number, key] : expected) REQUIRE(ring.take(hash_of(key)));
  }
}

TEST_CASE("a ghost ring takes any hash, and tells those apart that share a chain") {
  ghost_ring<> ring;
  std::vector<std::uint64_t> hashes{0, ~std::uint64_t{0}};
  for (std::uint64_t i = 2; i < 40; ++i) hashes.push_back(i << 32);
  for (const std::uint64_t hash : hashes) {
    ring.advance(50);
    ring.insert(hash, ring.newest());
  }
  CHECK_FALSE(ring.take(std::uint64_t{40} << 32));
  for (std::size_t i = 1; i < hashes.size(); i += 2) CHECK(ring.take(hashes[i]));
  for (std::size_t i = 0; i < hashes.size(); ++i) CHECK(ring.take(hashes[i]) == (i % 2 == 0));
  for (const std::uint64_t hash : hashes) CHECK_FALSE(ring.take(hash));
}

TEST_CASE("a ghost ring takes 10 bytes per number, and gives them back") {
  ghost_ring<> ring;
  CHECK(ring.memory() == 0);
  constexpr std::size_t many = 100'000;
  for (std::size_t number = 1; number <= 3 * many; ++number) {
    ring.advance(many);
    ring.insert(hash_of(static_cast<int>(number)), ring.newest());
  }
  CHECK(ring.memory() == 12 * many);
  ring.advance(10);
  ring.insert(hash_of(0), ring.newest());
  CHECK(ring.memory() <= 768);
  CHECK(ring.take(hash_of(0)));
  CHECK(ring.take(hash_of(static_cast<int>(3 * many))));
  CHECK_FALSE(ring.take(hash_of(static_cast<int>(3 * many - 9))));
}

TEST_CASE("a ghost ring grows by half at least, so that it does not grow often") {
  ghost_ring<> ring;
  ring.advance(100);
  ring.insert(hash_of(1), ring.newest());
  CHECK(ring.memory() == 1200);
  ring.advance(101);
  CHECK(ring.memory() == 1800);
  CHECK(ring.take(hash_of(1)));
}

TEST_CASE("a ghost ring rarely takes a stranger for one that it remembers") {
  ghost_ring<> ring;
  for (int key = 0; key < 100'000; ++key) {
    ring.advance(100'000);
    ring.insert(hash_of(key), ring.newest());
  }
  int strangers = 0;
  for (int key = 1'000'000; key < 2'000'000; ++key) strangers += ring.take(hash_of(key)) ? 1 : 0;
  CHECK(strangers < 80);  // a million tries at 100'000 / 2^32: 23 are expected
}

TEST_CASE("a ghost ring remembers what it has memory for") {
  ghost_ring<failing_memory> none;
  ghost_ring<half_memory> half;
  ghost_ring<little_memory<1000>> some;
  for (int key = 1; key < 1000; ++key) {
    none.advance(50);
    none.insert(hash_of(key), none.newest());
    CHECK_FALSE(none.take(hash_of(key)));
    half.advance(50);
    half.insert(hash_of(key), half.newest());
    CHECK_FALSE(half.take(hash_of(key)));
    some.advance(key < 500 ? 100 : 1000);
    some.insert(hash_of(key), some.newest());
  }
  CHECK(none.memory() == 0);
  CHECK(some.memory() == 1200);
  for (int key = 1; key < 1000; ++key) CHECK(some.take(hash_of(key)) == (key >= 900));
}

TEST_CASE("ghost lists keep two orders of hashes and find each") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    std::mt19937_64 random(seed);
    ghost_lists<> lists;
    std::array<std::deque<int>, 2> expected;  // newest first
    const int keys = 1 << (4 + 2 * seed);
    for (int step = 0; step < 8000; ++step) {
      const int key = static_cast<int>(random() % static_cast<std::uint64_t>(keys));
      const bool second = random() % 2 == 0;
      auto& list = expected[second];
      const bool in_first = std::find(expected[0].begin(), expected[0].end(), key) != expected[0].end();
      const bool in_second = std::find(expected[1].begin(), expected[1].end(), key) != expected[1].end();
      const auto at = lists.find(hash_of(key));
      REQUIRE((at != lists.nowhere) == (in_first || in_second));
      if (at != lists.nowhere) {
        REQUIRE(lists.in_second(at) == in_second);
        lists.erase(at);
        std::erase(expected[in_second], key);
      } else {
        lists.push(second, hash_of(key));
        list.push_front(key);
      }
      if (random() % 5 == 0 && !list.empty()) {
        lists.erase_oldest(second);
        list.pop_back();
      }
      REQUIRE(lists.size(false) == expected[0].size());
      REQUIRE(lists.size(true) == expected[1].size());
    }
    for (const bool second : {false, true})
      while (!expected[second].empty()) {
        const auto oldest = lists.find(hash_of(expected[second].back()));
        REQUIRE(oldest != lists.nowhere);
        REQUIRE(lists.in_second(oldest) == second);
        lists.erase_oldest(second);
        REQUIRE(lists.find(hash_of(expected[second].back())) == lists.nowhere);
        expected[second].pop_back();
      }
  }
}

TEST_CASE("ghost lists of many hashes take 20 bytes each and find all of them") {
  ghost_lists<> lists;
  constexpr int many = 300'000;
  for (int key = 0; key < many; ++key) lists.push(key % 3 == 0, hash_of(key));
  CHECK(lists.size(false) + lists.size(true) == many);
  CHECK(lists.memory() <= (many + 65'536) * 20);
  // Of two hashes with the same 31 bits the later one is found: some 20 pairs among so many.
  int wrong = 0;
  for (int key = 0; key < many; ++key) {
    const auto at = lists.find(hash_of(key));
    REQUIRE(at != lists.nowhere);
    wrong += lists.in_second(at) != (key % 3 == 0) ? 1 : 0;
  }
  CHECK(wrong < 60);
}

TEST_CASE("ghost lists take in what they have memory for") {
  ghost_lists<failing_memory> none;
  none.push(false, hash_of(1));
  CHECK(none.size(false) == 0);
  CHECK(none.find(hash_of(1)) == none.nowhere);
  ghost_lists<little_memory<64 * 20>> some;  // two chunks of 64
  for (int key = 0; key < 200; ++key) some.push(true, hash_of(key));
  CHECK(some.size(true) == 128);
  some.erase_oldest(true);
  some.push(false, hash_of(500));
  CHECK(some.find(hash_of(0)) == some.nowhere);
  CHECK(some.find(hash_of(500)) != some.nowhere);
}
