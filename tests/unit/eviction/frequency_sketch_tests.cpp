#include <larder/eviction/frequency_sketch.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "reference_run.hpp"
#include "scarce_memory.hpp"

namespace {

template <class Sketch>
void grow_to(Sketch& sketch, std::size_t keys) {
  while (sketch.room() < keys) sketch.cover(std::min(keys, sketch.room() + 1));
  sketch.cover(keys);
}
template <class Sketch>
void count_times(Sketch& sketch, std::uint64_t key, int times) {
  for (int i = 0; i < times; ++i) sketch.count(key);
}

}  // namespace

TEST_CASE("a frequency_sketch with few keys in much room counts each exactly, up to 15") {
  larder::eviction::frequency_sketch<> sketch;
  grow_to(sketch, 10'000);
  for (std::uint64_t key = 0; key < 20; ++key) count_times(sketch, key, static_cast<int>(key));
  for (std::uint64_t key = 0; key < 20; ++key) CHECK(sketch.estimate(key) == std::min<std::uint64_t>(key, 15));
  CHECK(sketch.estimate(12345) == 0);
}

TEST_CASE("a frequency_sketch never tells less than was counted, and seldom more") {
  larder::eviction::frequency_sketch<> sketch;
  constexpr std::size_t keys = 2000;
  grow_to(sketch, keys);
  std::map<std::uint64_t, unsigned> truth;
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < 10 * keys - 1; ++i) {
    const std::uint64_t few = 1 + random() % (8 * keys);
    const std::uint64_t key = random() % few;
    sketch.count(key);
    ++truth[key];
  }
  std::size_t over = 0;
  for (const auto& [key, times] : truth) {
    const unsigned known = std::min(times, 15U);
    REQUIRE(sketch.estimate(key) >= known);
    if (sketch.estimate(key) > known + 1) ++over;
  }
  CHECK(truth.size() > keys);
  CHECK(over * 10 < truth.size());
}

TEST_CASE("a frequency_sketch halves its counts after ten counts per key") {
  larder::eviction::frequency_sketch<> sketch;
  grow_to(sketch, 1024);
  count_times(sketch, 7, 12);
  for (std::uint64_t i = 12; i < 10 * 1024 - 1; ++i) sketch.count(1'000'000 + i % 3400);
  CHECK(sketch.estimate(7) == 12);
  sketch.count(8);
  CHECK(sketch.estimate(7) == 6);
  // Most keys had been counted three times and lost half a count, so the next halving is more than 5 * 1024 counts away.
  for (std::uint64_t i = 0; i < 5 * 1024; ++i) sketch.count(2'000'000 + i % 3400);
  CHECK(sketch.estimate(7) == 6);
  for (std::uint64_t i = 0; i < 1024 + 256; ++i) sketch.count(3'000'000 + i % 3400);
  CHECK(sketch.estimate(7) < 6);
}

TEST_CASE("a frequency_sketch that grows keeps half of what it counted") {
  larder::eviction::frequency_sketch<> sketch;
  count_times(sketch, 1, 12);
  count_times(sketch, 2, 4);
  const std::size_t room = sketch.room();
  sketch.cover(room);
  CHECK(sketch.room() == room);
  CHECK(sketch.estimate(1) == 12);
  sketch.cover(room + 1);
  CHECK(sketch.room() == 2 * room);
  CHECK(sketch.estimate(1) == 6);
  CHECK(sketch.estimate(2) == 2);
  sketch.cover(1);
  CHECK(sketch.room() == 2 * room);
  count_times(sketch, 1, 9);
  CHECK(sketch.estimate(1) == 15);  // not halved more often than the room for keys asks for
}

TEST_CASE("a frequency_sketch without memory to grow goes on with what it has, and grows when there is some") {
  using memory = reference_run::scarce_memory<std::byte>;
  larder::eviction::frequency_sketch<memory> sketch;
  memory::left = 1;
  count_times(sketch, 1, 12);
  grow_to(sketch, 16);
  CHECK(sketch.estimate(1) == 6);
  for (std::size_t keys = 17; keys < 100; ++keys) {
    sketch.cover(keys);
    sketch.count(1);
  }
  CHECK(sketch.room() == 16);
  CHECK(sketch.estimate(1) == 15);
  memory::left = 1;
  sketch.cover(100);
  CHECK(sketch.room() == 32);
  CHECK(sketch.estimate(1) == 7);
}
