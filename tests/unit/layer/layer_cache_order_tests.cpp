#include "hand_source.hpp"

#include <larder/layer/layer_cache.hpp>
#include <larder/layer/planned_residency.hpp>
#include <larder/layer/use_counts.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using namespace larder_tests;

namespace {

constexpr std::size_t experts = 48;
constexpr std::size_t capacity = 14;  // two of them slots

/// Experts of which few are asked for often: the k-th most wanted one with a chance of 1/k.
class skewed_accesses {
 public:
  explicit skewed_accesses(std::uint32_t seed) : random_(seed), wanted_(experts) {
    std::iota(wanted_.begin(), wanted_.end(), std::size_t{0});
    shuffle();
    for (std::size_t k = 1; k <= experts; ++k) weights_.push_back(1.0 / static_cast<double>(k));
  }
  void shuffle() { std::shuffle(wanted_.begin(), wanted_.end(), random_); }
  std::size_t next() { return wanted_[std::discrete_distribution<std::size_t>(weights_.begin(), weights_.end())(random_)]; }
  /// Of accesses, those that the most wanted ones get.
  double share_of(std::size_t count) const {
    return std::accumulate(weights_.begin(), weights_.begin() + static_cast<std::ptrdiff_t>(count), 0.0) /
           std::accumulate(weights_.begin(), weights_.end(), 0.0);
  }

 private:
  std::mt19937 random_;
  std::vector<std::size_t> wanted_;
  std::vector<double> weights_;
};

template <class Cache, class Next>
double hit_rate(Cache& layers, std::size_t accesses, Next next) {
  layers.reset_stats();
  for (std::size_t k = 0; k < accesses; ++k) REQUIRE(is_whole(layers.get(next())));
  return layers.stats().hit_rate();
}

}  // namespace

TEST_CASE("accesses that follow no order keep what is asked for most, also when that changes") {
  hand h;
  larder::layer_cache layers{source_of(h, experts, 64), larder::max_bytes{capacity * 64}};
  skewed_accesses accesses(11);
  const auto next = [&] { return accesses.next(); };
  hit_rate(layers, 64 * experts, next);
  CHECK(layers.plan().by_use);
  CHECK(hit_rate(layers, 4000, next) >= accesses.share_of(capacity - 2) - 0.02);
  CHECK(layers.weight() <= capacity * 64);
  const auto plan = layers.plan();
  CHECK(plan.resident_count == capacity - 2);
  CHECK(plan.loads_per_pass < experts - (capacity - 2));
  CHECK(static_cast<double>(plan.bytes_per_pass) ==
        doctest::Approx((1 - accesses.share_of(capacity - 2)) * experts * 64).epsilon(0.1));
  CHECK(!plan.predicted_pass);

  accesses.shuffle();
  hit_rate(layers, 4 * 32 * experts, next);
  CHECK(hit_rate(layers, 4000, next) >= accesses.share_of(capacity - 2) - 0.02);
}

TEST_CASE("accesses that follow an order again bring the plan for the order back") {
  hand h;
  larder::layer_cache layers{source_of(h, experts, 64), larder::max_bytes{capacity * 64}};
  const auto spread = layers.plan();
  skewed_accesses accesses(12);
  hit_rate(layers, 64 * experts, [&] { return accesses.next(); });
  REQUIRE(layers.plan().by_use);
  for (int pass = 0; pass < 64 * 12; ++pass)
    for (const larder::layer& layer : layers.pass()) REQUIRE(is_whole(layer));
  CHECK(!layers.plan().by_use);
  CHECK(layers.plan().resident == spread.resident);
  CHECK(layers.plan().expected_loads(2) == spread.expected_loads(2));
}

TEST_CASE("passes, shuffled passes and accesses all alike move nothing") {
  std::mt19937 random(13);
  std::vector<std::size_t> order(experts);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (const int kind : {0, 1, 2}) {
    hand h;
    larder::layer_cache layers{source_of(h, experts, 64), larder::max_bytes{experts * 64 / 2}};
    const auto before = layers.plan();
    std::size_t at = 0;
    hit_rate(layers, 400 * experts, [&] {
      if (kind == 2) return static_cast<std::size_t>(random() % experts);
      if (at % experts == 0 && kind == 1) std::shuffle(order.begin(), order.end(), random);
      return order[at++ % experts];
    });
    CAPTURE(kind);
    CHECK(layers.plan().resident == before.resident);
    CHECK(!layers.plan().by_use);
  }
}

TEST_CASE("a pass in another order is planned for when it is asked for again, or for several times") {
  const std::vector<std::size_t> order{0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11};
  const std::vector<std::size_t> reversed{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  const auto spread_over = [](const std::vector<bool>& resident, const std::vector<std::size_t>& along) {
    std::vector<std::size_t> places;
    for (std::size_t k = 0; k < along.size(); ++k)
      if (resident[along[k]]) places.push_back(k);
    std::size_t widest = 0;
    for (std::size_t k = 1; k < places.size(); ++k) widest = std::max(widest, places[k] - places[k - 1]);
    return widest;
  };
  hand h;
  larder::layer_cache layers{source_of(h, 12, 64), larder::max_bytes{6 * 64}};
  const auto first = layers.plan();
  const auto go = [&](auto pass) {
    for (const larder::layer& layer : pass) REQUIRE(is_whole(layer));
  };
  go(layers.pass(order));
  CHECK(layers.plan().resident == first.resident);  // once may be an exception
  go(layers.pass(order));
  CHECK(layers.plan().resident != first.resident);
  CHECK(spread_over(layers.plan().resident, order) == 3);
  CHECK(layers.plan().resident_count == first.resident_count);
  REQUIRE(layers.weight() <= 6 * 64);
  go(layers.passes(2, reversed));
  CHECK(spread_over(layers.plan().resident, reversed) == 3);
  const auto of_reversed = layers.plan();
  go(layers.passes(2));  // what is spread backward is spread forward
  CHECK(layers.plan().resident == of_reversed.resident);

  const std::uint64_t before = layers.stats().loads;
  go(layers.passes(3));
  CHECK(layers.stats().loads - before == 3 * of_reversed.loads_per_pass);
}

TEST_CASE("of an order with repetitions the layers that come twice stay first") {
  hand h;
  larder::layer_cache layers{source_of(h, 6, 64), larder::max_bytes{4 * 64}};
  const std::vector<std::size_t> order{0, 5, 1, 2, 5, 3, 4, 3};
  for (const larder::layer& layer : layers.passes(3, order)) REQUIRE(is_whole(layer));
  const auto plan = layers.plan();
  CHECK(plan.resident == std::vector<bool>{false, false, false, true, false, true});
  CHECK(plan.loads_per_pass == 4);
  CHECK(layers.stats().loads == plan.expected_loads(3));
  layers.set_capacity(larder::max_bytes{3 * 64});  // the order is remembered
  CHECK(layers.plan().resident_count == 1);
  CHECK((layers.plan().resident[3] || layers.plan().resident[5]));
}

TEST_CASE("of an order that leaves layers out only those are expected that it has") {
  hand h;
  larder::layer_cache layers{source_of(h, 8, 64), larder::max_bytes{5 * 64}};
  const std::vector<std::size_t> order{6, 1};
  for (const larder::layer& layer : layers.passes(3, order)) REQUIRE(is_whole(layer));
  CHECK(h.loads() == 2);
  CHECK(layers.plan().expected_loads(3) == 2);
}

TEST_CASE("a plan tells how long its passes take once there were some") {
  hand h;
  larder::layer_cache layers{source_of(h, 6, 64), larder::max_bytes{4 * 64}};
  CHECK(!layers.plan().predicted_pass);
  for (const larder::layer& layer : layers.passes(2)) REQUIRE(is_whole(layer));
  const auto plan = layers.plan();
  REQUIRE(plan.predicted_pass);
  REQUIRE(plan.shortest_pass);
  CHECK(plan.predicted_pass->count() > 0);
  CHECK(*plan.shortest_pass <= *plan.predicted_pass);
}

TEST_CASE("uses of long ago count less and less") {
  larder::layers::use_counts counts(2);
  std::size_t seen = 0;
  while (!counts.count(0)) ++seen;
  CHECK(seen == 63);
  CHECK(counts.counts() == std::vector<std::uint64_t>{64, 0});
  counts.begin_window();
  while (!counts.count(1)) {
  }
  CHECK(counts.counts() == std::vector<std::uint64_t>{32, 64});
}

TEST_CASE("a residency that is made anew for an empty cache has its slots free, and the plan that was") {
  struct nothing_there {
    larder::layers::occupancy look(std::size_t) const { return {}; }
    void evict(std::size_t) {}
    void count_extra_buffer() { ++extra; }
    void forget_loads() {}
    int extra = 0;
  } host;
  const auto all = layers_of_sizes(std::vector<std::uint64_t>(6, 64));
  larder::layers::planned_residency before(all, {.bytes = 3 * 64}, 2);
  std::vector<std::size_t> streamed;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (before.is_streamed(i)) streamed.push_back(i);
  for (const std::size_t slot : {0U, 1U})
    CHECK(before.make_room(streamed[slot], larder::layers::load_kind::demand, host) == larder::layers::room::granted);
  CHECK(before.make_room(streamed[2], larder::layers::load_kind::demand, host) == larder::layers::room::uncached);
  larder::layers::planned_residency after = before.renewed();
  CHECK(after.plan().resident == before.plan().resident);
  CHECK(after.make_room(streamed[2], larder::layers::load_kind::demand, host) == larder::layers::room::granted);
  CHECK(host.extra == 1);
}
