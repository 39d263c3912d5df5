#include <larder/layer/pass_meter.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

#include <doctest/doctest.h>

using larder::layers::pass_meter;
using namespace std::chrono_literals;

namespace {

pass_meter::time_point at(std::chrono::milliseconds t) { return pass_meter::time_point(t); }
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

}  // namespace

TEST_CASE("what a pass costs is known once layers were used and loaded") {
  pass_meter meter(3);
  CHECK(!meter.costs());
  meter.handed_out(0, 0, at(0ms));
  meter.asked(1, at(30ms));
  CHECK(!meter.costs());  // nothing was loaded
  meter.load_began(at(0ms));
  meter.load_over(32 * mebibyte, at(500ms));
  auto costs = meter.costs();
  REQUIRE(costs);
  CHECK(costs->bytes_per_second == doctest::Approx(64.0 * mebibyte));
  REQUIRE(costs->compute.size() == 3);
  CHECK(costs->compute[0] == 30ms);
  CHECK(costs->compute[2] == 30ms);  // as the others, for want of better
  meter.handed_out(1, 1, at(100ms));
  meter.asked(2, at(150ms));
  costs = meter.costs();
  CHECK(costs->compute[1] == 50ms);
  CHECK(costs->compute[2] == 40ms);
}

TEST_CASE("loads side by side count the time once, and later ones count for more") {
  pass_meter meter(1);
  meter.handed_out(0, 0, at(0ms));
  meter.asked(1, at(10ms));
  meter.load_began(at(0ms));
  meter.load_began(at(100ms));
  meter.load_over(16 * mebibyte, at(200ms));
  meter.load_over(16 * mebibyte, at(500ms));
  CHECK(meter.costs()->bytes_per_second == doctest::Approx(64.0 * mebibyte));
  meter.load_began(at(1000ms));
  meter.load_over(0, at(1100ms));  // a load that failed takes its time, too
  meter.load_began(at(2000ms));
  meter.load_over(16 * mebibyte, at(2400ms));
  CHECK(meter.costs()->bytes_per_second == doctest::Approx(64.0 * mebibyte - 32.0 * mebibyte / 4));
  meter.handed_out(0, 1, at(20ms));
  meter.asked(2, at(50ms));
  CHECK(meter.costs()->compute[0] == 15ms);  // 10 and 30
}

TEST_CASE("a pass that skips a step, or is left, says nothing of the layer that it had") {
  pass_meter meter(2);
  meter.load_began(at(0ms));
  meter.load_over(mebibyte, at(1ms));
  meter.handed_out(0, 0, at(0ms));
  meter.asked(5, at(10ms));
  CHECK(!meter.costs());
  meter.pass_over();
  meter.asked(1, at(10ms));
  CHECK(!meter.costs());
  meter.load_began(at(10ms));
  meter.renew();
  meter.load_began(at(20ms));
  meter.load_over(mebibyte, at(21ms));
  meter.handed_out(0, 0, at(0ms));
  meter.asked(1, at(10ms));
  CHECK(meter.costs()->compute[1] == 10ms);
}
