#include <larder/remote/latency_window.hpp>

#include <chrono>

#include <doctest/doctest.h>

TEST_CASE("the quantile is said once there are enough latencies, and follows the recent ones") {
  using namespace std::chrono_literals;
  larder::remote::latency_window window(0.95, 200);
  for (int i = 1; i < 200; ++i) {
    window.add(i * 1ms);
    CHECK_FALSE(window.value());
  }
  window.add(200ms);
  REQUIRE(window.value());
  CHECK(*window.value() == 191ms);  // of 1 to 200, the one above 190
  for (int i = 0; i < 600; ++i) window.add(5ms);
  CHECK(*window.value() == 5ms);
  for (int i = 0; i < 50; ++i) window.add(1s);  // about a tenth
  CHECK(*window.value() == 1s);
}
