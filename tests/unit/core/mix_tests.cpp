#include <larder/core/mix.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <set>

TEST_CASE("numbers that follow each other differ in about half of their bits once mixed, in each byte of them") {
  for (unsigned byte = 0; byte < 8; ++byte) {
    int changed = 0;
    for (std::uint64_t x = 0; x < 4096; ++x)
      changed += std::popcount((larder::core::mix(x) ^ larder::core::mix(x + 1)) >> (8 * byte) & 0xffU);
    CHECK(changed > 4096 * 4 * 95 / 100);
    CHECK(changed < 4096 * 4 * 105 / 100);
  }
}

TEST_CASE("a change of one bit reaches the upper and the lower half") {
  for (unsigned bit = 0; bit < 64; ++bit) {
    int upper = 0;
    int lower = 0;
    for (std::uint64_t x = 1; x <= 1000; ++x) {
      const std::uint64_t changed = larder::core::mix(x * 0x5851f42d4c957f2dULL) ^ larder::core::mix(x * 0x5851f42d4c957f2dULL ^ std::uint64_t{1} << bit);
      upper += std::popcount(changed >> 32U);
      lower += std::popcount(changed & 0xffffffffU);
    }
    CAPTURE(bit);
    CHECK(upper > 1000 * 8);
    CHECK(lower > 1000 * 8);
  }
}

TEST_CASE("different numbers stay different") {
  std::set<std::uint64_t> seen;
  for (std::uint64_t x = 0; x < 5000; ++x) {
    seen.insert(larder::core::mix(x));
    seen.insert(larder::core::mix(x << 48U | 1U << 20U));
  }
  CHECK(seen.size() == 10000);
}
