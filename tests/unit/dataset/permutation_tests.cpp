#include <larder/dataset/permutation.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::datasets::permutation;

namespace {

std::vector<std::uint64_t> image_of(const permutation& order) {
  std::vector<std::uint64_t> image(order.size());
  for (std::uint64_t i = 0; i < order.size(); ++i) image[i] = order(i);
  return image;
}
bool is_each_once(std::vector<std::uint64_t> image) {
  std::sort(image.begin(), image.end());
  for (std::uint64_t i = 0; i < image.size(); ++i)
    if (image[i] != i) return false;
  return true;
}

/// How far counts are from all being `expected`, in standard deviations of a chi-square with one less than their number of degrees.
double deviation(const std::vector<std::uint64_t>& counts, double expected) {
  double sum = 0;
  for (const std::uint64_t count : counts) sum += (static_cast<double>(count) - expected) * (static_cast<double>(count) - expected) / expected;
  const double degrees = static_cast<double>(counts.size()) - 1;
  return (sum - degrees) / std::sqrt(2 * degrees);
}

}  // namespace

TEST_CASE("every number is met once, whatever the size") {
  for (std::uint64_t size = 0; size <= 1100; ++size) CHECK(is_each_once(image_of(permutation(size, size * 31))));
  for (const std::uint64_t size : {4095U, 4096U, 4097U, 65535U, 65536U, 65537U, 1'000'003U}) CHECK(is_each_once(image_of(permutation(size, 5))));
  CHECK(rc::check("any size and key", [] {
    const auto size = *rc::gen::inRange<std::uint64_t>(0, 20000);
    RC_ASSERT(is_each_once(image_of(permutation(size, *rc::gen::arbitrary<std::uint64_t>()))));
  }));
}

TEST_CASE("sizes up to the greatest stay inside and do not meet twice") {
  for (const std::uint64_t size : {(std::uint64_t{1} << 32) - 1, std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 1, std::uint64_t{1} << 63,
                                   (std::uint64_t{1} << 63) + 1, ~std::uint64_t{0}}) {
    const permutation order(size, 9);
    std::set<std::uint64_t> met;
    for (std::uint64_t i = 0; i < 20000; ++i) {
      for (const std::uint64_t at : {order(i), order(size - 1 - i)}) {
        CHECK(at < size);
        met.insert(at);
      }
    }
    CHECK(met.size() == 40000);
  }
}

TEST_CASE("the values are those of every release: saved positions depend on them") {
  CHECK(image_of(permutation(10, 1)) == std::vector<std::uint64_t>{5, 6, 9, 1, 2, 0, 8, 4, 7, 3});
  CHECK(image_of(permutation(5, 0)) == std::vector<std::uint64_t>{1, 4, 2, 3, 0});
  const permutation middle(1000, 42);
  CHECK(std::array{middle(0), middle(1), middle(999)} == std::array<std::uint64_t, 3>{931, 765, 426});
  const permutation large(std::uint64_t{1} << 40, 0x123456789abcdef);
  CHECK(std::array{large(0), large(1), large(1'000'000'007)} == std::array<std::uint64_t, 3>{386231768162, 963243965058, 639183415146});
  const permutation greatest(~std::uint64_t{0}, ~std::uint64_t{0});
  CHECK(std::array{greatest(0), greatest(~std::uint64_t{0} - 1)} == std::array<std::uint64_t, 2>{14418750042388816691U, 13617403750049733868U});
}

TEST_CASE("small sets are in each order equally often") {
  std::uint64_t orders = 1;
  for (std::uint64_t size = 2; size <= 5; ++size) {
    orders *= size;
    std::map<std::vector<std::uint64_t>, std::uint64_t> seen;
    for (std::uint64_t key = 0; key < orders * 1000; ++key) ++seen[image_of(permutation(size, key))];
    std::vector<std::uint64_t> counts;
    for (const auto& each : seen) counts.push_back(each.second);
    CAPTURE(size);
    REQUIRE(counts.size() == orders);
    CHECK(deviation(counts, 1000) < 4);
    for (const std::uint64_t count : counts) CHECK((count > 850 && count < 1150));
  }
}

TEST_CASE("an element lands everywhere equally often, also where it was") {
  for (const std::uint64_t size : {7U, 16U, 17U, 100U, 255U, 256U, 257U, 1000U})
    for (const std::uint64_t i : {std::uint64_t{0}, std::uint64_t{1}, size / 2, size - 1}) {
      std::vector<std::uint64_t> landed(size);
      for (std::uint64_t key = 0; key < size * 200; ++key) ++landed[permutation(size, key)(i)];
      CAPTURE(size);
      CAPTURE(i);
      CHECK(deviation(landed, 200) < 5);
      CHECK(landed[i] > 120);
      CHECK(landed[i] < 280);
    }
}

TEST_CASE("neighbours part: the distance between their images is any") {
  for (const std::uint64_t size : {13U, 64U, 300U, 5000U}) {
    const std::uint64_t bins = std::min<std::uint64_t>(size - 1, 299);
    std::vector<std::uint64_t> distances(bins);
    std::uint64_t many = 0;
    for (std::uint64_t key = 0; many < bins * 300; ++key) {
      const permutation order(size, key);
      const std::uint64_t i = key % (size - 1);
      const std::uint64_t distance = (order(i + 1) + size - order(i)) % size - 1;  // below size - 1
      if (distance >= (size - 1) / bins * bins) continue;
      ++distances[distance % bins];
      ++many;
    }
    CAPTURE(size);
    CHECK(deviation(distances, 300) < 5);
  }
}

TEST_CASE("the pair of two neighbours' images is any") {
  constexpr std::uint64_t size = 12;
  std::vector<std::uint64_t> pairs(size * size);
  for (std::uint64_t key = 0; key < size * (size - 1) * 500; ++key) {
    const permutation order(size, key);
    ++pairs[order(4) * size + order(5)];
  }
  std::vector<std::uint64_t> apart;
  for (std::uint64_t i = 0; i < pairs.size(); ++i) {
    if (i / size == i % size)
      CHECK(pairs[i] == 0);
    else
      apart.push_back(pairs[i]);
  }
  CHECK(deviation(apart, 500) < 5);
}

TEST_CASE("about one number stays where it is") {
  std::uint64_t fixed = 0;
  for (std::uint64_t key = 0; key < 1000; ++key) {
    const permutation order(1000, key);
    for (std::uint64_t i = 0; i < 1000; ++i) fixed += order(i) == i ? 1 : 0;
  }
  CHECK(fixed > 850);
  CHECK(fixed < 1150);
}

TEST_CASE("keys that follow each other, or differ in one bit, give orders that have nothing in common") {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const permutation one(10000, 77);
    const permutation other(10000, 77 ^ std::uint64_t{1} << bit);
    std::uint64_t same = 0;
    for (std::uint64_t i = 0; i < 10000; ++i) same += one(i) == other(i) ? 1 : 0;
    CHECK(same < 12);
  }
}
