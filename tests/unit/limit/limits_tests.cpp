#include <larder/limit/budget.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/limit/watermark.hpp>

#include <larder/cache.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace {

template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::invalid_argument);
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a negative limit is refused by its name and number") {
  CHECK(refusal([] { larder::max_entries{-1}; }).find("max_entries{-1}") != std::string::npos);
  CHECK(refusal([] { larder::max_bytes{-5LL}; }).find("max_bytes{-5}") != std::string::npos);
  CHECK(refusal([] { larder::max_weight{short{-7}}; }).find("max_weight{-7}") != std::string::npos);
  CHECK(refusal([] {
          larder::cache<int, int, larder::max_entries> c{larder::max_entries{5}};
          c.set_capacity(-2);
        }).find("set_capacity{-2}") != std::string::npos);
  CHECK(larder::max_bytes{std::numeric_limits<std::uint64_t>::max()}.value == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("a watermark is a share above 0 and up to 1") {
  CHECK(larder::watermark{1.0}.of(100) == 100);
  CHECK(larder::watermark{0.5}.of(101) == 50);
  for (const double share : {0.0, -0.1, 1.01, std::numeric_limits<double>::quiet_NaN()})
    CHECK(refusal([&] { larder::watermark{share}; }).find("watermark{") != std::string::npos);
}

TEST_CASE("room is taken in every dimension or in none") {
  larder::core::budget<true, 2> budget;
  budget.set_capacity(0, 2);
  budget.set_capacity(1, 100);
  CHECK(budget.take({1, 60}));
  CHECK_FALSE(budget.take({1, 41}));
  CHECK(budget.used(0) == 1);
  CHECK(budget.take({1, 40}));
  CHECK_FALSE(budget.take({1, 0}));
  CHECK(budget.used(0) == 2);
  CHECK(budget.used(1) == 100);
  budget.give_back({1, 60});
  CHECK(budget.used(1) == 40);
  CHECK(budget.has_room({1, 60}));
  CHECK_FALSE(budget.has_room({1, 61}));
  CHECK_FALSE(budget.fits_alone({1, 101}));
}

TEST_CASE("an entry as large as all numbers does not overflow the sum") {
  larder::core::budget<false, 2> budget;
  budget.set_capacity(1, 100);
  CHECK(budget.take({1, 50}));
  CHECK_FALSE(budget.take({1, std::numeric_limits<std::uint64_t>::max()}));
  CHECK_FALSE(budget.has_room({1, std::numeric_limits<std::uint64_t>::max() - 10}));
  CHECK(budget.used(1) == 50);
}
