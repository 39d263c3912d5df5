#include <larder/eviction/ghost_table.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>

#include "failing_memory.hpp"
#include "order_host.hpp"

using namespace eviction_tests;
using larder::eviction::ghost_table;

TEST_CASE("a ghost table tells the ages of nearly all of the last hashes, and of no others") {
  for (const std::size_t remembered : {1U, 5U, 100U, 5000U}) {
    ghost_table<> table;
    std::map<int, std::uint64_t> pushed_as;
    std::mt19937_64 random(remembered);
    int new_key = 0;
    std::size_t asked = 0;
    std::size_t lost = 0;
    for (std::size_t step = 0; step < 10 * remembered + 2000; ++step) {
      table.push(hash_of(++new_key), remembered);
      pushed_as[new_key] = table.pushed();
      const int key = new_key - static_cast<int>(random() % remembered);
      const auto at = pushed_as.find(key);
      if (random() % 3 != 0 || at == pushed_as.end()) continue;
      const std::uint64_t age = table.take(hash_of(key));
      ++asked;
      if (age == table.absent)
        ++lost;
      else
        REQUIRE(age == table.pushed() - at->second);
      CHECK(table.take(hash_of(key)) == table.absent);
      pushed_as.erase(at);
    }
    CHECK(asked > 100);
    CHECK(lost * 12 <= asked);  // from sets that are fuller than others
  }
}

TEST_CASE("a ghost table takes few strangers for one of its own") {
  ghost_table<> table;
  for (int key = 0; key < 20'000; ++key) table.push(hash_of(key), 10'000);
  int mistaken = 0;
  for (int key = 1'000'000; key < 1'100'000; ++key) mistaken += table.take(hash_of(key)) != table.absent ? 1 : 0;
  CHECK(mistaken < 40);  // 12 are to be expected
}

TEST_CASE("a ghost table is as precise as its ticks when it spans more hashes than there are") {
  constexpr std::size_t remembered = 200'000;
  ghost_table<> table;
  for (int key = 0; key < 300'000; ++key) table.push(hash_of(key), remembered);
  int found = 0;
  for (int key = 110'000; key < 300'000; key += 100) {
    const std::uint64_t age = table.take(hash_of(key));
    if (age == table.absent) continue;
    ++found;
    const auto exact = static_cast<std::uint64_t>(299'999 - key);
    CHECK(age <= exact + 16);
    CHECK(age + 16 >= exact);
  }
  CHECK(found > 1700);
}

TEST_CASE("a ghost table has the size that it was told last, and forgets when that changes much") {
  ghost_table<> table;
  CHECK(table.memory() == 0);
  table.push(hash_of(1), 1000);
  const std::size_t before = table.memory();
  CHECK(before >= 4500);
  CHECK(before <= 4700);
  table.push(hash_of(2), 1400);
  CHECK(table.memory() == before);
  CHECK(table.take(hash_of(1)) == 1);
  table.push(hash_of(3), 2000);
  CHECK(table.memory() > before);
  CHECK(table.take(hash_of(2)) == table.absent);
  CHECK(table.take(hash_of(3)) == 0);
  const std::size_t wide = table.memory();
  table.push(hash_of(4), 500);  // a quarter is not yet much less
  CHECK(table.memory() == wide);
  table.push(hash_of(5), 499);
  CHECK(table.memory() < wide / 3);
  CHECK(table.take(hash_of(4)) == table.absent);
  table.push(hash_of(6), 10);
  CHECK(table.memory() <= 64);
}

TEST_CASE("a ghost table without memory counts, and knows nobody") {
  ghost_table<failing_memory> table;
  for (int key = 0; key < 10; ++key) table.push(hash_of(key), 10);
  CHECK(table.pushed() == 10);
  CHECK(table.take(hash_of(9)) == table.absent);
  CHECK(table.memory() == 0);
}
