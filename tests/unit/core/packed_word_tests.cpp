#include <larder/core/packed_word.hpp>

#include <cstdint>
#include <limits>
#include <random>

#include <doctest/doctest.h>

using larder::core::packed_word;

TEST_CASE("a packed word is its number, wherever it lies") {
  struct odd {
    std::uint32_t before;
    packed_word word;
    std::uint32_t between;
    packed_word other;
  };
  static_assert(sizeof(odd) == 24);
  static_assert(alignof(packed_word) == 4);
  CHECK(packed_word() == std::uint64_t{0});
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t one = random();
    const std::uint64_t two = i == 0 ? std::numeric_limits<std::uint64_t>::max() : random() >> (i % 64);
    odd place{7, one, 8, two};
    CHECK(place.word == one);
    CHECK(place.other == two);
    place.word = two;
    CHECK(place.word == two);
    CHECK(place.other == two);
    CHECK(place.before == 7);
    CHECK(place.between == 8);
  }
}
