#include <larder/dataset/sample_random.hpp>

#include <cstdint>
#include <random>
#include <set>

#include <doctest/doctest.h>

TEST_CASE("the numbers of a sample are SplitMix64's, which a resumed run relies on") {
  larder::sample_random random(1234567);  // as its authors' program prints them
  CHECK(random() == 6457827717110365317U);
  CHECK(random() == 3203168211198807973U);
  CHECK(random() == 9817491932198370423U);
}

TEST_CASE("it is a generator for the distributions of <random>, and uniform by itself") {
  static_assert(std::uniform_random_bit_generator<larder::sample_random>);
  larder::sample_random random(7);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double x = random.uniform();
    REQUIRE(x >= 0);
    REQUIRE(x < 1);
    sum += x;
  }
  CHECK(sum / 10'000 == doctest::Approx(0.5).epsilon(0.03));
  std::set<int> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(std::uniform_int_distribution<int>(1, 6)(random));
  CHECK(seen == std::set<int>{1, 2, 3, 4, 5, 6});
}
