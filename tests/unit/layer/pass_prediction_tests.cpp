#include <larder/layer/pass_prediction.hpp>
#include <larder/layer/residency_plan.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t unit = 1000;  // bytes of a layer, which come in a second

struct model {
  explicit model(std::size_t count) : order(count) {
    for (std::size_t i = 0; i < count; ++i) layers.push_back({"layer." + std::to_string(i), unit, {}});
    std::iota(order.begin(), order.end(), std::size_t{0});
  }
  larder::pass_costs costs(double compute) const {
    return {std::vector<larder::duration>(layers.size(),
                                          std::chrono::duration_cast<larder::duration>(std::chrono::duration<double>(compute))),
            static_cast<double>(unit)};
  }
  double seconds(const larder::residency_plan& plan, double compute) const {
    return std::chrono::duration<double>(larder::layers::predicted_pass(plan, layers, order, costs(compute))).count();
  }

  std::vector<larder::layer_info> layers;
  std::vector<std::size_t> order;
};

}  // namespace

TEST_CASE("a pass is predicted to take what the arithmetic of cycles says, residents spread or in front") {
  struct row {
    std::uint64_t capacity;
    double compute;
    std::size_t slots;
    double spread;
    double prefix;
    double bound;
  };
  const model m(32);
  for (const row& r : {row{6, .25, 1, 33.8, 34.0, 27}, row{6, .25, 2, 28.0, 28.0, 27}, row{10, .5, 1, 34.5, 38.0, 23},
                       row{10, .5, 2, 24.0, 27.0, 23}, row{10, .5, 3, 25.0, 26.5, 23}, row{18, .5, 2, 16.0, 23.0, 16},
                       row{18, .5, 3, 17.0, 22.5, 16}, row{26, .25, 2, 8.0, 12.5, 8}, row{26, 1., 2, 32., 32., 32}}) {
    CAPTURE(r.capacity);
    CAPTURE(r.slots);
    auto plan = larder::layers::plan_residency(m.layers, {.bytes = r.capacity * unit}, r.slots);
    CHECK(m.seconds(plan, r.compute) == doctest::Approx(r.spread).epsilon(0.02));
    const auto shortest =
        std::chrono::duration<double>(larder::layers::shortest_pass(plan, m.layers, m.order, m.costs(r.compute))).count();
    CHECK(shortest <= m.seconds(plan, r.compute));
    CHECK(shortest == doctest::Approx(r.bound).epsilon(0.1));  // of one slot more or less
    plan.resident.assign(32, false);
    for (std::size_t i = 0; i < plan.resident_count; ++i) plan.resident[i] = true;
    CHECK(m.seconds(plan, r.compute) == doctest::Approx(r.prefix).epsilon(0.02));
  }
}

TEST_CASE("with everything resident a pass is computing, and what is used twice counts twice") {
  const model m(4);
  const auto plan = larder::layers::plan_residency(m.layers, {.bytes = 4 * unit}, 2);
  larder::pass_costs costs = m.costs(1);
  costs.bytes_per_second = 0;
  CHECK(larder::layers::predicted_pass(plan, m.layers, m.order, costs) == 4s);
  CHECK(larder::layers::predicted_pass(plan, m.layers, std::vector<std::size_t>{0, 1, 0}, costs) == 3s);
  CHECK(larder::layers::shortest_pass(plan, m.layers, std::vector<std::size_t>{0, 1, 0}, costs) == 3s);
}

TEST_CASE("no pass is predicted to take less than the shortest one") {
  std::mt19937 random(7);
  const model m(9);
  for (int turn = 0; turn < 2000; ++turn) {
    larder::pass_costs costs;
    for (std::size_t i = 0; i < m.layers.size(); ++i)
      costs.compute.emplace_back(static_cast<std::int64_t>(random() % 100'000 + 1));
    costs.bytes_per_second = static_cast<double>(random() % 1'000'000'000 + 1'000);
    const auto plan = larder::layers::plan_residency(m.layers, {.bytes = (2 + random() % 8) * unit}, 1 + random() % 3);
    REQUIRE(larder::layers::shortest_pass(plan, m.layers, m.order, costs) <=
            larder::layers::predicted_pass(plan, m.layers, m.order, costs));
  }
}

TEST_CASE("what is kept of a layer need not come: loading takes that much less, in every use of it") {
  const model m(8);
  auto plan = larder::layers::plan_residency(m.layers, {.bytes = 4 * unit}, 2);
  REQUIRE(plan.resident_count == 2);
  const double whole = m.seconds(plan, 0.01);
  const auto shortest = [&](const std::vector<std::size_t>& order) {
    return std::chrono::duration<double>(larder::layers::shortest_pass(plan, m.layers, order, m.costs(0.01))).count();
  };
  CHECK(shortest(m.order) == doctest::Approx(6));
  plan.partial = larder::partial_layer{1, unit / 4};
  REQUIRE_FALSE(plan.resident[1]);
  CHECK(whole - m.seconds(plan, 0.01) == doctest::Approx(0.25));
  CHECK(shortest(m.order) == doctest::Approx(5.75));
  CHECK(shortest({1, 1, 2}) == doctest::Approx(2.5));
}
