#include <larder/memoize.hpp>

#include <larder/eviction/lru.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/unbounded.hpp>

#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

TEST_CASE("memoize runs a function once per arguments") {
  int runs = 0;
  auto area = larder::memoize(
      [&runs](int width, const std::string& unit) {
        ++runs;
        return std::to_string(width * width) + unit;
      },
      larder::max_entries{100});
  CHECK(area(3, "cm") == "9cm");
  CHECK(area(3, "cm") == "9cm");
  CHECK(area(3, "m") == "9m");
  CHECK(runs == 2);
  auto copy = area;  // copies share one cache
  CHECK(copy(3, "m") == "9m");
  CHECK(runs == 2);
  CHECK(area.stats().hits == 2);
  copy.clear();
  CHECK(area(3, "cm") == "9cm");
  CHECK(runs == 3);
}

TEST_CASE("memoize: what the function throws is not remembered, and the limit holds") {
  int runs = 0;
  auto f = larder::memoize(
      [&runs](int n) -> int {
        ++runs;
        if (n < 0) throw std::runtime_error("negative");
        return n;
      },
      larder::lru{}, larder::max_entries{2});
  CHECK_THROWS_AS(f(-1), std::runtime_error);
  CHECK_THROWS_AS(f(-1), std::runtime_error);
  CHECK(runs == 2);
  f(1);
  f(2);
  f(3);
  CHECK(f(1) == 1);
  CHECK(runs == 6);
  auto unlimited = larder::memoize([](int n) { return n + 1; }, larder::unbounded{});
  CHECK(unlimited(1) == 2);
}
