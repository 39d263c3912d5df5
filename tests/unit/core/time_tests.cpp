#include <larder/core/time.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("a manual clock moves only when told to") {
  larder::manual_clock clock;
  CHECK(clock.now() == 0s);
  CHECK(clock.now() == 0s);
  clock.advance(5s);
  clock += 250ms;
  CHECK(clock.now() == 5250ms);
  clock.set(1s);
  CHECK(clock.now() == 1s);
  CHECK(larder::manual_clock(24h).now() == 24h);
}

TEST_CASE("durations and time points become instants") {
  CHECK(larder::core::to_instant(5ms) == 5'000'000ns);
  CHECK(larder::core::to_instant(std::chrono::system_clock::time_point(3s)) == 3s);
  CHECK(larder::core::to_instant(std::chrono::duration<double>(0.5)) == 500ms);
}

TEST_CASE("a deadline beyond all time is never") {
  CHECK(larder::core::deadline_after(10s, 5s) == 15s);
  CHECK(larder::core::deadline_after(larder::instant::max() - 1ns, 1ns) == larder::instant::max());
  CHECK(larder::core::deadline_after(larder::instant::max() - 1ns, 2ns) == larder::no_deadline);
  CHECK(larder::core::deadline_after(1ns, larder::duration::max()) == larder::no_deadline);
  CHECK(larder::core::deadline_after(larder::instant{-5}, 3ns) == larder::instant{-2});
}

TEST_CASE("steady time never runs backwards and wall time is after 2020") {
  const larder::instant before = larder::steady_time::now();
  CHECK(larder::steady_time::now() >= before);
  CHECK(larder::wall_time::now() > std::chrono::hours(50 * 365 * 24));
}
