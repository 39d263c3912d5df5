#include "workload.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <vector>

namespace {

TEST_CASE("zipf draws each rank as often as its probability says") {
  constexpr std::size_t n = 200;
  constexpr std::size_t draws = 400'000;
  for (const double skew : {0.0, 0.9, 0.99}) {
    CAPTURE(skew);
    std::vector<double> counts(n);
    for (const std::uint32_t rank : bench::zipf(n, skew, 7).draw(draws)) {
      REQUIRE(rank < n);
      ++counts[rank];
    }
    double sum = 0;
    for (std::size_t i = 1; i <= n; ++i) sum += std::pow(static_cast<double>(i), -skew);
    double chi_square = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double expected = static_cast<double>(draws) * std::pow(static_cast<double>(i + 1), -skew) / sum;
      chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    CHECK(chi_square < 284);  // 199 degrees of freedom: one seed in ten thousand has more
  }
}

TEST_CASE("the same seed draws the same ranks, in portions of any size") {
  bench::zipf whole(1000, 0.99, 3);
  bench::zipf portions(1000, 0.99, 3);
  const std::vector<std::uint32_t> all = whole.draw(300);
  std::vector<std::uint32_t> parts = portions.draw(100);
  for (const std::uint32_t rank : portions.draw(200)) parts.push_back(rank);
  CHECK(all == parts);
  CHECK(all != bench::zipf(1000, 0.99, 4).draw(300));
}

TEST_CASE("keys of different numbers differ, and a text key has 32 characters") {
  std::set<std::uint64_t> numbers;
  std::set<std::string> texts;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    numbers.insert(bench::key_of<std::uint64_t>(i));
    texts.insert(bench::key_of<std::string>(i));
  }
  CHECK(numbers.size() == 10'000);
  CHECK(texts.size() == 10'000);
  CHECK(std::all_of(texts.begin(), texts.end(), [](const std::string& text) { return text.size() == 32; }));
}

TEST_CASE("latest puts a new key each twentieth time and gets keys of the window that ends with the newest") {
  constexpr std::uint64_t window = 500;
  std::unordered_map<std::uint64_t, std::uint64_t> number_of;
  for (std::uint64_t i = 0; i < window + 1000; ++i) number_of[bench::splitmix(i)] = i;
  bench::latest requests(window, 0.99, 5);
  std::uint64_t newest = window - 1;
  std::size_t at = 0;
  for (const std::size_t portion : {200U, 1000U, 4000U}) {
    for (const std::uint64_t key : requests.next(portion)) {
      REQUIRE(number_of.contains(key));
      const std::uint64_t number = number_of[key];
      if (++at % bench::latest::put_every == 0) {
        CHECK(number == newest + 1);
        newest = number;
      } else {
        CHECK(number <= newest);
        CHECK(number + window > newest);
      }
    }
  }
  CHECK(newest == window - 1 + at / bench::latest::put_every);
}

}  // namespace
