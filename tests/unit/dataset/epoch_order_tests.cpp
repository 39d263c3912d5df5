#include <larder/dataset/epoch_order.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using namespace larder::datasets;

namespace {

using sizes = std::vector<std::uint64_t>;

/// All places of an epoch in their order, window by window.
std::vector<sample_place> places_of(const order_settings& settings, std::uint64_t epoch, const sizes& of_shards) {
  std::vector<sample_place> places;
  const epoch_order order(settings, epoch, of_shards.size());
  for (std::size_t w = 0; w < order.windows(); ++w) {
    sizes counts;
    for (std::size_t i = 0; i < order.shards_in(w); ++i) counts.push_back(of_shards[order.shard(w, i)]);
    const window_order window(order, w, counts);
    for (std::uint64_t k = 0; k < window.size(); ++k) places.push_back(window[k]);
  }
  return places;
}
std::vector<sample_place> in_file_order(const sizes& of_shards) {
  std::vector<sample_place> places;
  for (std::size_t shard = 0; shard < of_shards.size(); ++shard)
    for (std::uint64_t i = 0; i < of_shards[shard]; ++i) places.push_back({shard, i});
  return places;
}
std::vector<sample_place> sorted(std::vector<sample_place> places) {
  std::sort(places.begin(), places.end(), [](const sample_place& a, const sample_place& b) {
    return std::pair(a.shard, a.index) < std::pair(b.shard, b.index);
  });
  return places;
}
sizes any_sizes() {
  const auto shards = *rc::gen::inRange<std::size_t>(0, 40);
  return *rc::gen::container<sizes>(shards, rc::gen::oneOf(rc::gen::just(std::uint64_t{0}), rc::gen::inRange<std::uint64_t>(0, 60)));
}
order_settings any_settings(bool shuffle) { return {*rc::gen::arbitrary<std::uint64_t>(), shuffle, *rc::gen::inRange<std::size_t>(0, 45)}; }

}  // namespace

TEST_CASE("every sample is met once in an epoch, from a window's shards alone while the window lasts") {
  CHECK(rc::check("each once", [] {
    const sizes of_shards = any_sizes();
    const order_settings settings = any_settings(*rc::gen::arbitrary<bool>());
    const std::uint64_t epoch = *rc::gen::arbitrary<std::uint64_t>();
    const std::vector<sample_place> places = places_of(settings, epoch, of_shards);
    RC_ASSERT(sorted(places) == in_file_order(of_shards));
    RC_ASSERT(places == places_of(settings, epoch, of_shards));
    if (!settings.shuffle) RC_ASSERT(places == in_file_order(of_shards));
  }));
  CHECK(rc::check("locality", [] {
    const sizes of_shards = any_sizes();
    const order_settings settings = any_settings(true);
    const epoch_order order(settings, 3, of_shards.size());
    std::set<std::size_t> met;
    for (std::size_t w = 0; w < order.windows(); ++w) {
      std::map<std::size_t, std::uint64_t> of_window;
      sizes counts;
      for (std::size_t i = 0; i < order.shards_in(w); ++i) {
        counts.push_back(of_shards[order.shard(w, i)]);
        of_window[order.shard(w, i)] = counts.back();
        RC_ASSERT(met.insert(order.shard(w, i)).second);
      }
      RC_ASSERT(of_window.size() == order.shards_in(w));
      const window_order window(order, w, counts);
      for (std::uint64_t k = 0; k < window.size(); ++k) {
        RC_ASSERT(of_window.count(window[k].shard) == 1U);
        RC_ASSERT(window[k].index < of_window[window[k].shard]);
      }
    }
    RC_ASSERT(met.size() == of_shards.size());
  }));
}

TEST_CASE("windows have the size that was set, the last one what is left") {
  const epoch_order some({1, true, 4}, 0, 10);
  CHECK(some.windows() == 3);
  CHECK(some.shards_in(0) == 4);
  CHECK(some.shards_in(1) == 4);
  CHECK(some.shards_in(2) == 2);
  CHECK(some.shards_in(3) == 0);
  CHECK(some.shards_in(~std::size_t{0}) == 0);
  for (const std::size_t window : {std::size_t{0}, std::size_t{10}, std::size_t{11}, ~std::size_t{0}}) {
    const epoch_order all({1, true, window}, 0, 10);
    CHECK(all.windows() == 1);
    CHECK(all.shards_in(0) == 10);
    CHECK(epoch_order({1, true, window}, 0, 0).windows() == 0);
  }
  CHECK(epoch_order({1, false, 1}, 0, 10).windows() == 10);
}

TEST_CASE("another epoch and another seed have another order, of shards and of samples") {
  const sizes of_shards(8, 25);
  std::set<std::vector<std::pair<std::size_t, std::uint64_t>>> orders;
  std::set<std::vector<std::size_t>> of_the_shards;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    for (std::uint64_t epoch = 0; epoch < 20; ++epoch) {
      std::vector<std::pair<std::size_t, std::uint64_t>> order;
      for (const sample_place& each : places_of({seed, true, 0}, epoch, of_shards)) order.emplace_back(each.shard, each.index);
      orders.insert(order);
      const epoch_order shards({seed, true, 0}, epoch, 8);
      std::vector<std::size_t> numbers;
      for (std::size_t i = 0; i < 8; ++i) numbers.push_back(shards.shard(0, i));
      of_the_shards.insert(numbers);
    }
  CHECK(orders.size() == 400);
  CHECK(of_the_shards.size() > 390);  // of 40320
  CHECK(places_of({0, false, 0}, 1, of_shards) == places_of({9, false, 3}, 2, of_shards));
}

TEST_CASE("the windows of an epoch are not shuffled alike") {
  const epoch_order order({5, true, 1}, 0, 20);
  std::set<std::vector<std::uint64_t>> of_windows;
  for (std::size_t w = 0; w < order.windows(); ++w) {
    const window_order window(order, w, sizes{50});
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t k = 0; k < 50; ++k) numbers.push_back(window[k].index);
    of_windows.insert(numbers);
  }
  CHECK(of_windows.size() == 20);
}

TEST_CASE("the order is that of every release: saved positions depend on it") {
  const epoch_order order({42, true, 4}, 3, 10);
  std::vector<std::size_t> shards;
  for (std::size_t w = 0; w < order.windows(); ++w)
    for (std::size_t i = 0; i < order.shards_in(w); ++i) shards.push_back(order.shard(w, i));
  CHECK(shards == std::vector<std::size_t>{8, 2, 6, 7, 1, 4, 9, 0, 5, 3});
  const window_order window(order, 1, sizes{5, 0, 3, 2});
  std::vector<sample_place> places;
  for (std::uint64_t k = 0; k < window.size(); ++k) places.push_back(window[k]);
  CHECK(places == std::vector<sample_place>{{1, 0}, {1, 2}, {0, 0}, {1, 4}, {9, 1}, {9, 0}, {0, 1}, {9, 2}, {1, 3}, {1, 1}});
}

TEST_CASE("sizes that cannot be a window's are refused") {
  const epoch_order order({0, true, 4}, 0, 6);
  CHECK_THROWS_WITH_AS(window_order(order, 0, sizes{1, 2, 3}), "larder: window_order: 3 sizes for a window of 4 shards; give one for each",
                       larder::error);
  CHECK_THROWS_AS(window_order(order, 1, sizes{1, 2, 3}), larder::error);
  CHECK_THROWS_AS(window_order(order, 2, sizes{1}), larder::error);
  CHECK(window_order(order, 2, {}).size() == 0);
  CHECK(window_order(order, 1, sizes{0, 0}).size() == 0);
  CHECK_THROWS_AS(window_order(order, 1, sizes{~std::uint64_t{0}, 1}), larder::error);
  const window_order greatest(order, 1, sizes{~std::uint64_t{0} - 1, 1});
  CHECK(greatest.size() == ~std::uint64_t{0});
  CHECK(greatest[~std::uint64_t{0} - 1].shard < 6);
}
