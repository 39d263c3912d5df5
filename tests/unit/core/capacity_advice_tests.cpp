#include <larder/core/capacity_advice.hpp>

#include <limits>

#include <doctest/doctest.h>

using larder::advice_state;
using larder::capacity_advice;
using larder::capacity_unit;
using larder::hit_ratio_curve;

namespace {

/// A curve of a cache of 1 GiB whose hit ratio is `at(multiple of today)`.
template <class At>
hit_ratio_curve curve(At&& at, capacity_unit unit = capacity_unit::bytes) {
  hit_ratio_curve known;
  known.unit = unit;
  known.capacity = std::uint64_t{1} << 30U;
  known.look_ups = 5000;
  known.settled = true;
  for (std::size_t i = 0; i < hit_ratio_curve::points; ++i) known.hit_ratios[i] = at(hit_ratio_curve::multiple(i));
  return known;
}

}  // namespace

TEST_CASE("the capacities of a curve are multiples of today's") {
  CHECK(hit_ratio_curve::multiple(0) == 0.125);
  CHECK(hit_ratio_curve::multiple(hit_ratio_curve::today) == 1.0);
  CHECK(hit_ratio_curve::multiple(hit_ratio_curve::points - 1) == 8.0);
  CHECK(hit_ratio_curve::capacity_at(1000, 0) == 125);
  CHECK(hit_ratio_curve::capacity_at(1000, hit_ratio_curve::today) == 1000);
  CHECK(hit_ratio_curve::capacity_at(1000, hit_ratio_curve::today + 1) == 1189);
  CHECK(hit_ratio_curve::capacity_at(1000, hit_ratio_curve::points - 1) == 8000);
  CHECK(hit_ratio_curve::capacity_at(3, 0) == 0);
  const std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t i = hit_ratio_curve::today; i < hit_ratio_curve::points; ++i)
    CHECK(hit_ratio_curve::capacity_at(largest, i) == largest);
  CHECK(hit_ratio_curve::capacity_at(largest / 2 + 1, hit_ratio_curve::today + 4) == largest);
}

TEST_CASE("without an observer and without traffic the advice says so") {
  const capacity_advice none;
  CHECK(none.state == advice_state::not_observed);
  CHECK_FALSE(none);
  CHECK(none.text() ==
        "this cache is not observed: name larder::miss_ratio_curve{} when it is made, and the look-ups tell how large it should "
        "be");
  hit_ratio_curve fresh = curve([](double) { return 0.5; });
  fresh.settled = false;
  fresh.look_ups = 17;
  CHECK_FALSE(capacity_advice(fresh));
  CHECK(capacity_advice(fresh).text() == "not enough traffic yet to say how large this cache should be: 17 look-ups so far");
}

TEST_CASE("a curve that rises and then does not") {
  const capacity_advice advice(curve([](double m) { return m >= 4 ? 0.8 : m >= 2 ? 0.7 : m >= 1 ? 0.61 : 0.3; }));
  CHECK(advice);
  CHECK(advice.curve[0].multiple == 0.125);
  CHECK(advice.curve[6].multiple == 8.0);
  CHECK(advice.curve[4].capacity == std::uint64_t{2} << 30U);
  CHECK(advice.gain_of_doubling() == doctest::Approx(0.09));
  CHECK(advice.enough.multiple == 4.0);
  CHECK(advice.smallest_as_good.multiple == 1.0);
  CHECK(advice.text() == "doubling to 2 GiB would raise the hit ratio from 0.61 to 0.70; beyond 4 GiB nothing is gained");
}

TEST_CASE("a curve that still rises at its end") {
  const capacity_advice advice(curve([](double m) { return 0.1 * m; }));
  CHECK(advice.enough.multiple == 8.0);
  CHECK(advice.text() == "doubling to 2 GiB would raise the hit ratio from 0.10 to 0.20; it still rises at 8 GiB (0.80)");
}

TEST_CASE("a loop that would fit, but not into twice as much") {
  const capacity_advice advice(curve([](double m) { return m >= 3 ? 0.95 : 0.0; }, capacity_unit::weight));
  CHECK(advice.gain_of_doubling() == 0.0);
  CHECK(advice.smallest_as_good.multiple == 0.125);
  CHECK(advice.text() ==
        "doubling gains nothing, but 3611622602 would raise the hit ratio from 0.00 to 0.95, and more gains nothing");
}

TEST_CASE("a cache that is large enough, and one that is larger than that") {
  const capacity_advice enough(curve([](double m) { return m >= 1 ? 0.9 : 0.5; }));
  CHECK(enough.text() == "nothing is gained beyond today's 1 GiB (hit ratio 0.90)");
  const capacity_advice wasteful(curve([](double m) { return m >= 0.25 ? 0.9 + 0.001 * m : 0.5; }, capacity_unit::entries));
  CHECK(wasteful.smallest_as_good.multiple == 0.25);
  CHECK(wasteful.text() ==
        "nothing is gained beyond today's 1073741824 entries (hit ratio 0.90); 268435456 entries would do as well");
}

TEST_CASE("a difference of 0.01 counts as none, and small steps add up") {
  CHECK(capacity_advice(curve([](double m) { return m > 1 ? 0.509 : 0.5; })).enough.multiple <= 1.0);
  CHECK(capacity_advice(curve([](double m) { return m > 1 ? 0.511 : 0.5; })).enough.multiple > 1.0);
  CHECK(capacity_advice(curve([](double m) {
          return m >= 8 ? 0.515 : m >= 4 ? 0.51 : m >= 2 ? 0.506 : 0.5;
        })).enough.multiple == 2.0);
}
