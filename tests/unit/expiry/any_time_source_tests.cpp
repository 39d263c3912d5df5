#include <larder/expiry/any_time_source.hpp>

#include <chrono>

#include <doctest/doctest.h>

TEST_CASE("the clock is chosen at run time, and is the time of day where none is") {
  larder::manual_clock clock(larder::instant(5));
  larder::any_time_source told = larder::time_source{clock};
  CHECK(told.now() == larder::instant(5));
  clock += std::chrono::seconds(1);
  CHECK(told.now() == larder::instant(1'000'000'005));
  const larder::instant before = larder::wall_time::now();
  told = larder::any_time_source();
  CHECK(told.now() >= before);
  told = larder::time_source<larder::steady_time>{};
  const larder::instant first = told.now();
  CHECK(first <= larder::steady_time::now());
}
