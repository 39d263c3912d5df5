#include "counted_source.hpp"
#include "hand_source.hpp"

#include <larder/eviction/lru.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/load_retries.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/in_child.hpp"
#include "support/sanitizers.hpp"

using namespace larder_tests;
using larder::max_bytes;

namespace {

constexpr std::uint64_t size = 160'000;
constexpr std::uint64_t left = 100'000;    // of the budget beside whole layers
constexpr std::uint64_t kept = 24 * 4096;  // of that, in whole pages
const std::vector<std::uint64_t> equal(8, size);

/// One pass, every byte looked at; what it read.
template <class Cache>
std::uint64_t pass_over(Cache& layers, counted& state) {
  const std::uint64_t before = state.bytes();
  std::size_t expected = 0;
  for (const larder::layer& layer : layers.pass()) {
    REQUIRE(layer.index() == expected++);
    REQUIRE(wrong_counted_bytes(layer, state.version_of(layer.index())) == 0);
    REQUIRE(layers.weight() + layers.stats().kept_bytes <= layers.capacity());
  }
  REQUIRE(expected == layers.layer_count());
  return state.bytes() - before;
}

template <class Source>
void check_exact_passes() {
  std::mt19937 random(72);
  std::size_t with = 0;
  for (int round = 0; round < 60; ++round) {
    const std::size_t n = 1 + random() % 10;
    std::vector<std::uint64_t> sizes(n, size);
    if (round % 2 == 0)
      for (std::uint64_t& s : sizes) s = 1 + random() % 300'000;
    const std::uint64_t total = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
    const std::uint64_t largest = *std::max_element(sizes.begin(), sizes.end());
    const std::uint64_t budget = largest + random() % (total - largest + 10);
    const std::size_t slots = 1 + random() % 3;
    CAPTURE(round);
    counted state;
    larder::layer_cache layers{Source(state, sizes), max_bytes{budget}, larder::stream_slots{slots}};
    const larder::residency_plan plan = layers.plan();
    REQUIRE(plan.footprint() <= budget);
    if (plan.partial) ++with;
    REQUIRE(pass_over(layers, state) == total);
    REQUIRE(layers.stats().kept_bytes == plan.kept_bytes());
    if (plan.loads_per_pass > plan.stream_slots)  // else slots keep what they hold from one pass to the next
      for (int pass = 0; pass < 3; ++pass) REQUIRE(pass_over(layers, state) == plan.bytes_per_pass);
    else
      for (int pass = 0; pass < 3; ++pass) REQUIRE(pass_over(layers, state) <= plan.bytes_per_pass);
    REQUIRE(layers.stats().bytes_read == state.bytes());
    if (plan.loads_per_pass > plan.stream_slots) REQUIRE(layers.stats().loads == plan.expected_loads(4));
  }
  CHECK(with > 10);
}

}  // namespace

TEST_CASE("the first pass reads everything, each later one what the plan says, to the byte") {
  SUBCASE("piece by piece") { check_exact_passes<counted_source>(); }
  SUBCASE("by a source that tells how far it has come") { check_exact_passes<counted_source_with_rest>(); }
}

TEST_CASE("a load of the partial layer begins to read behind what is kept") {
  counted state;
  larder::layer_cache layers{counted_source_with_rest(state, equal), max_bytes{4 * size + left}};
  REQUIRE(layers.plan().partial);
  const std::size_t partial = layers.plan().partial->index;
  CHECK(*layers.plan().partial == larder::partial_layer{1, kept});
  CHECK(layers.stats().kept_bytes == 0);  // nothing was loaded yet
  pass_over(layers, state);
  CHECK(state.begin_of(partial) == 0);
  pass_over(layers, state);
  CHECK(state.begin_of(partial) == kept);
  CHECK(state.begin_of(partial + 1) == 0);
  CHECK(state.bytes_of(partial) == 2 * size - kept);
  CHECK(layers.stats().kept_bytes == kept);
  CHECK(layers.plan().footprint() == 4 * size + kept);
}

TEST_CASE("sources that read whole layers only keep none in part") {
  counted state;
  larder::layer_cache without_rest{counted_source_with_arrival(state, equal), max_bytes{4 * size + left}};
  CHECK_FALSE(without_rest.plan().partial);
  CHECK(pass_over(without_rest, state) == 8 * size);
  CHECK(pass_over(without_rest, state) == 6 * size);
  hand h;
  larder::layer_cache loader{source_of(h, 8, size), max_bytes{4 * size + left}};
  CHECK_FALSE(loader.plan().partial);
  for (int pass = 0; pass < 2; ++pass)
    for (const auto& layer : loader.pass()) CHECK(is_whole(layer));
  CHECK(loader.stats().bytes_read == (8 + 6) * size);
}

TEST_CASE("an order by use keeps none in part") {
  counted state;
  larder::layer_cache layers{counted_source(state, equal), larder::lru{}, max_bytes{4 * size + left}};
  pass_over(layers, state);
  CHECK(pass_over(layers, state) == 8 * size);
  CHECK(layers.stats().kept_bytes == 0);
}

TEST_CASE("a new capacity drops what was kept at once, or keeps it where the plan has the same part") {
  counted state;
  larder::layer_cache layers{counted_source(state, equal), max_bytes{4 * size + left}};
  pass_over(layers, state);
  REQUIRE(layers.stats().kept_bytes == kept);
  layers.set_capacity(max_bytes{5 * size + left});  // one resident more, the same part
  CHECK(layers.plan().partial == larder::partial_layer{1, kept});
  CHECK(layers.stats().kept_bytes == kept);
  layers.set_capacity(max_bytes{4 * size + left - 8192});  // a smaller one
  CHECK(layers.plan().kept_bytes() == kept - 8192);
  CHECK(layers.stats().kept_bytes == 0);
  pass_over(layers, state);
  CHECK(layers.stats().kept_bytes == kept - 8192);
  CHECK(pass_over(layers, state) == layers.plan().bytes_per_pass);
  layers.set_capacity(max_bytes{4 * size});  // none
  CHECK_FALSE(layers.plan().partial);
  CHECK(layers.stats().kept_bytes == 0);
  pass_over(layers, state);
  CHECK(pass_over(layers, state) == layers.plan().bytes_per_pass);
  layers.set_capacity(max_bytes{8 * size});  // everything
  pass_over(layers, state);
  CHECK(pass_over(layers, state) == 0);
  CHECK(layers.stats().kept_bytes == 0);
}

TEST_CASE("the part moves with an order that is asked for again, and with layers that are used most") {
  counted state;
  larder::layer_cache layers{counted_source(state, equal), max_bytes{2 * size + left}};  // two slots and the part
  pass_over(layers, state);
  REQUIRE(layers.plan().partial->index == 0);
  std::vector<std::size_t> order{5, 3, 0, 6, 3, 7, 1, 2};
  const auto read = [&] {
    const std::uint64_t before = state.bytes();
    std::size_t step = 0;
    for (const larder::layer& layer : layers.pass(order)) {
      CHECK(layer.index() == order[step++]);
      CHECK(wrong_counted_bytes(layer) == 0);
    }
    return state.bytes() - before;
  };
  read();
  CHECK(layers.plan().partial->index == 0);
  read();
  CHECK(layers.plan().partial->index == 3);  // the one that is used most
  CHECK(layers.stats().kept_bytes == kept);
  CHECK(read() == layers.plan().bytes_per_pass);
  CHECK(state.bytes_of(0) == 4 * size - kept);  // no longer kept
}

TEST_CASE("what is kept counts on both sides when a plan by use is weighed: even use moves nothing") {
  counted state;
  larder::layer_cache layers{counted_source(state, {size, size, size}), max_bytes{2 * size + 150'000}};
  REQUIRE(layers.plan().kept_bytes() == 36 * 4096);  // more than a tenth of all bytes
  for (std::size_t k = 0; k < 600; ++k) layers.get(k % 3);
  CHECK_FALSE(layers.plan().by_use);
}

TEST_CASE("erase and clear drop what is kept, since the source may have changed") {
  for (const bool cleared : {false, true}) {
    CAPTURE(cleared);
    counted state;
    larder::layer_cache layers{counted_source(state, equal), max_bytes{4 * size + left}};
    const std::size_t partial = layers.plan().partial->index;
    pass_over(layers, state);
    REQUIRE(layers.stats().kept_bytes == kept);
    REQUIRE_FALSE(layers.contains(partial));  // others went through its slot since
    layers.erase(partial + 1);
    CHECK(layers.stats().kept_bytes == kept);
    state.change(partial);
    if (cleared)
      layers.clear();
    else
      CHECK_FALSE(layers.erase(partial));
    CHECK(layers.stats().kept_bytes == 0);
    pass_over(layers, state);
    CHECK(state.bytes_of(partial) == 2 * size);
    CHECK(layers.stats().kept_bytes == kept);
    CHECK(pass_over(layers, state) == layers.plan().bytes_per_pass);
  }
}

TEST_CASE("a load that fails keeps nothing, and one that fails behind the kept bytes loses none") {
  counted state;
  larder::layer_cache layers{counted_source(state, equal), max_bytes{3 * size + left}};
  const std::size_t partial = layers.plan().partial->index;
  state.fail(partial, 1);
  CHECK_THROWS_AS(layers.get(partial), std::runtime_error);
  CHECK(layers.stats().kept_bytes == 0);
  CHECK(wrong_counted_bytes(layers.get(partial)) == 0);
  CHECK(layers.stats().kept_bytes == kept);
  for (const std::size_t other : {partial + 1, partial + 2}) layers.get(other);
  REQUIRE_FALSE(layers.contains(partial));
  state.fail(partial, 1);
  CHECK_THROWS_AS(layers.get(partial), std::runtime_error);
  CHECK(layers.stats().kept_bytes == kept);
  const std::uint64_t before = state.bytes();
  CHECK(wrong_counted_bytes(layers.get(partial)) == 0);
  CHECK(state.bytes() - before == size - kept);
}

TEST_CASE("retries go on from what is kept") {
  counted state;
  larder::layer_cache layers{counted_source(state, equal), max_bytes{3 * size + left},
                             larder::load_retries{3, larder::duration{0}}};
  const std::size_t partial = layers.plan().partial->index;
  state.fail(partial, 2);
  CHECK(wrong_counted_bytes(layers.get(partial)) == 0);
  CHECK(layers.stats().kept_bytes == kept);
  for (const std::size_t other : {partial + 1, partial + 2}) layers.get(other);
  state.fail(partial, 2);
  const std::uint64_t before = state.bytes();
  CHECK(wrong_counted_bytes(layers.get(partial)) == 0);
  CHECK(state.bytes() - before == size - kept);
  CHECK(layers.stats().load_failures == 0);
}

TEST_CASE("what is erased while it is loaded is not kept, whether that load fills the part or copies it") {
  for (const bool filled : {false, true}) {
    CAPTURE(filled);
    counted state;
    larder::layer_cache layers{counted_source(state, equal), max_bytes{3 * size + left}};
    const std::size_t partial = layers.plan().partial->index;
    if (filled)
      for (const std::size_t i : {partial, partial + 1, partial + 2}) layers.get(i);
    REQUIRE(layers.stats().kept_bytes == (filled ? kept : 0));
    state.hold(partial);
    std::thread old([&] { CHECK(wrong_counted_bytes(layers.get(partial), 0) == 0); });
    REQUIRE(state.waits());
    layers.erase(partial);
    CHECK(layers.stats().kept_bytes == 0);
    std::thread fresh([&] { CHECK(wrong_counted_bytes(layers.get(partial), 0) == 0); });  // a load of its own, beside the old one
    REQUIRE(state.waits(2));
    state.let();
    old.join();
    fresh.join();
    CHECK(layers.stats().kept_bytes == 0);
    state.change(partial);
    layers.erase(partial);
    CHECK(wrong_counted_bytes(layers.get(partial), 1) == 0);
    CHECK(layers.stats().kept_bytes == kept);
    for (const std::size_t other : {partial + 1, partial + 2}) layers.get(other);
    CHECK(wrong_counted_bytes(layers.get(partial), 1) == 0);
    CHECK(layers.stats().loads == (filled ? 9 : 6));
  }
}

TEST_CASE("a new plan while the partial layer is loaded keeps nothing of another size") {
  for (const bool filled : {false, true})
    for (const std::uint64_t capacity : {3 * size + left - 16384, 3 * size, 4 * size + left, 8 * size}) {
      CAPTURE(filled);
      CAPTURE(capacity);
      counted state;
      larder::layer_cache layers{counted_source(state, equal), max_bytes{3 * size + left}};
      const std::size_t partial = layers.plan().partial->index;
      if (filled)
        for (const std::size_t i : {partial, partial + 1, partial + 2}) layers.get(i);
      state.hold(partial);
      std::thread load([&] { CHECK(wrong_counted_bytes(layers.get(partial)) == 0); });
      REQUIRE(state.waits());
      layers.set_capacity(max_bytes{capacity});
      const bool same = layers.plan().partial == larder::partial_layer{partial, kept};
      CHECK(layers.stats().kept_bytes == (same && filled ? kept : 0));
      state.let();
      load.join();
      CHECK(layers.stats().kept_bytes == (same ? kept : 0));
      pass_over(layers, state);
      CHECK(layers.stats().kept_bytes == layers.plan().kept_bytes());
      pass_over(layers, state);
    }
}

TEST_CASE("blocks have no claim on the bytes of the part") {
  const auto all = counted_layers(equal);
  const larder::layers::planned_residency residency(all, {.bytes = 4 * size + left}, 2);
  CHECK(residency.footprint() == 4 * size);
  CHECK(residency.plan().footprint() == 4 * size + kept);
  CHECK(residency.renewed().partial() == residency.partial());
}

TEST_CASE("the lease on a slot and the part are each their own") {
  counted state;
  larder::layer_cache layers{counted_source(state, equal), max_bytes{3 * size + left}};
  const std::size_t partial = layers.plan().partial->index;
  std::optional<larder::layer> first(layers.get(partial));
  std::vector<larder::layer> held;
  for (int turn = 0; turn < 3; ++turn)
    for (std::size_t i = 0; i < 8; ++i) held.push_back(layers.get(i));
  layers.set_capacity(max_bytes{3 * size});
  layers.clear();
  CHECK(wrong_counted_bytes(*first) == 0);
  for (const larder::layer& layer : held) CHECK(wrong_counted_bytes(layer) == 0);
  held.clear();
  first.reset();
  CHECK(layers.stats().pinned_bytes == 0);
}

TEST_CASE("two loaders, leases, erasures and new capacities at once: every byte of every lease is right") {
  counted state;
  larder::layer_cache layers{counted_source_with_rest(state, equal), max_bytes{4 * size + left}};
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      for (int pass = 0; pass < 6; ++pass)
        for (const larder::layer& layer : layers.pass()) wrong += wrong_counted_bytes(layer);
    });
  threads.emplace_back([&] {
    std::mt19937 random(3);
    for (int step = 0; step < 60; ++step) {
      switch (random() % 4) {
        case 0:
          layers.erase(random() % 8);
          break;
        case 1:
          layers.set_capacity(max_bytes{(3 + random() % 2) * size + left - random() % 2 * 8192});
          break;
        case 2:
          wrong += wrong_counted_bytes(layers.get(random() % 8));
          break;
        default:
          layers.warmup({random() % 8, random() % 8}).wait();
      }
    }
  });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(layers.stats().pinned_bytes == 0);
  CHECK(layers.stats().load_failures == 0);
  layers.set_capacity(max_bytes{4 * size + left});
  pass_over(layers, state);
  CHECK(support::eventually([&] { return layers.stats().kept_bytes == kept; }));
  pass_over(layers, state);
  CHECK(pass_over(layers, state) == layers.plan().bytes_per_pass);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST_CASE("a child that is made while its parent loads the partial layer keeps one of its own") {
  for (const bool filled : {false, true}) {
    CAPTURE(filled);
    counted state;
    larder::layer_cache layers{counted_source(state, equal), max_bytes{3 * size + left}};
    const std::size_t partial = layers.plan().partial->index;
    if (filled)
      for (const std::size_t i : {partial, partial + 1, partial + 2}) layers.get(i);
    state.hold(partial);
    std::thread load([&] { CHECK(wrong_counted_bytes(layers.get(partial)) == 0); });
    REQUIRE(state.waits());
    support::in_child([&] {
      state.let();
      const auto reads = [&] {
        const std::uint64_t before = state.bytes();
        for (const larder::layer& layer : layers.pass())
          if (wrong_counted_bytes(layer) != 0) return std::uint64_t{0};
        return state.bytes() - before;
      };
      reads();
      bool good = layers.stats().kept_bytes == kept && reads() == layers.plan().bytes_per_pass;
      layers.clear();
      good = good && reads() == 8 * size && reads() == layers.plan().bytes_per_pass;
      return good && layers.stats().kept_bytes == kept;
    });
    state.let();
    load.join();
    CHECK(layers.stats().kept_bytes == kept);
    pass_over(layers, state);
    CHECK(pass_over(layers, state) == layers.plan().bytes_per_pass);
  }
}
#endif
