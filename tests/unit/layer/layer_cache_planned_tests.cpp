#include "hand_source.hpp"

#include <larder/core/units.hpp>
#include <larder/layer/layer_cache.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace larder_tests;

namespace {

std::uint64_t formula(std::uint64_t n, std::uint64_t c, std::uint64_t slots, std::uint64_t passes) {
  if (c >= n) return n;
  return n + (passes - 1) * (n - (c > slots ? c - slots : 0));
}

std::size_t place(const std::vector<std::string>& events, const std::string& event) {
  const auto found = std::find(events.begin(), events.end(), event);
  REQUIRE_MESSAGE(found != events.end(), event);
  return static_cast<std::size_t>(found - events.begin());
}

}  // namespace

TEST_CASE("L8 passes load exactly as planned") {
  std::mt19937 random(8);
  for (int round = 0; round < 60; ++round) {
    const std::size_t n = 1 + random() % 20;
    const std::size_t c = 1 + random() % (n + 2);
    const std::size_t slots = 1 + random() % 3;
    const std::uint64_t passes = 1 + random() % 5;
    CAPTURE(n);
    CAPTURE(c);
    CAPTURE(slots);
    CAPTURE(passes);
    hand h;
    larder::layer_cache layers{source_of(h, n, 64), larder::max_bytes{c * 64}, larder::stream_slots{slots}};
    for (std::uint64_t p = 0; p < passes; ++p) {
      std::size_t expected = 0;
      for (auto layer : layers.pass()) {
        REQUIRE(layer.index() == expected++);
        REQUIRE(is_whole(layer));
        REQUIRE(layers.weight() <= c * 64);
      }
      REQUIRE(expected == n);
    }
    REQUIRE(h.loads() == formula(n, c, slots, passes));
    REQUIRE(layers.stats().loads == h.loads());
    REQUIRE(layers.plan().expected_loads(passes) == h.loads());
    REQUIRE(layers.stats().wasted_prefetches == 0);
    REQUIRE(layers.stats().extra_buffers == 0);
    REQUIRE(layers.stats().hits + layers.stats().misses == n * passes);
    REQUIRE(layers.buffer_allocations() <= layers.plan().resident_count + layers.plan().stream_slots);
  }
}

TEST_CASE("L8 the same for passes across their boundaries, and for get in order") {
  for (const std::size_t n : {4U, 5U, 12U})
    for (std::size_t c = 1; c <= n; ++c) {
      hand h;
      larder::layer_cache layers{source_of(h, n), larder::max_entries{c}};
      std::uint64_t steps = 0;
      for (auto layer : layers.passes(6)) REQUIRE(layer.index() == steps++ % n);
      CHECK(steps == 6 * n);
      CHECK(h.loads() == formula(n, c, 2, 6));

      hand g;
      larder::layer_cache by_get{source_of(g, n), larder::max_entries{c}};
      for (int p = 0; p < 6; ++p)
        for (std::size_t i = 0; i < n; ++i) REQUIRE(is_whole(by_get.get(i)));
      CHECK(g.loads() == formula(n, c, 2, 6));
    }
}

TEST_CASE("L17 the next layer is loaded while one is computed") {
  hand h;
  larder::layer_cache layers{source_of(h, 12), larder::max_entries{5}};  // 3 residents, 2 slots
  for (auto layer : layers.pass()) {
    // Computing ends only when the next layer's load has begun: were the loads not ahead, this would stand still.
    if (layer.index() + 1 < 12) REQUIRE(h.begun(layer.index() + 1));
    h.note("computed " + std::to_string(layer.index()));
  }
  const auto first = h.events();
  for (std::size_t i = 0; i + 1 < 12; ++i) CHECK(place(first, "load " + std::to_string(i + 1)) < place(first, "computed " + std::to_string(i)));

  // In later passes every streamed layer's load begins before the computing of the layer before it ends.
  const auto plan = layers.plan();
  for (auto layer : layers.pass()) {
    const std::size_t next = layer.index() + 1;
    if (next < 12 && !plan.resident[next]) REQUIRE(h.begun(next, 2));
  }
  CHECK(h.loads() == formula(12, 5, 2, 2));
}

TEST_CASE("L17 the loader goes on across the boundary of passes") {
  hand h;
  larder::layer_cache layers{source_of(h, 6), larder::max_entries{3}};  // 0 is resident
  std::uint64_t step = 0;
  for (auto layer : layers.passes(2)) {
    if (step == 5) REQUIRE(h.begun(1, 2));  // layer 1 of the second pass, while the last layer of the first is computed
    ++step;
  }
  CHECK(h.loads() == formula(6, 3, 2, 2));
}

TEST_CASE("a pass in order of use does not wait for residents first") {
  hand h;
  h.hold();
  larder::layer_cache layers{source_of(h, 8), larder::max_entries{5}};
  auto pass = layers.pass();
  auto step = pass.begin();
  REQUIRE(h.begun(0));  // already by begin()
  h.let(0);
  CHECK((*step).index() == 0);
  REQUIRE(h.begun(1));
  h.let_all();
  for (++step; step != pass.end(); ++step) CHECK(is_whole(*step));
  CHECK(h.loads() == 8);
}

TEST_CASE("everything fits: loaded once, then the loader is out of the way") {
  hand h;
  larder::layer_cache layers{source_of(h, 7)};
  for (int p = 0; p < 4; ++p)
    for (auto layer : layers.pass()) CHECK(is_whole(layer));
  CHECK(h.loads() == 7);
  CHECK(layers.size() == 7);
  CHECK(layers.weight() == 700);
  CHECK(layers.plan().stream_slots == 0);
  CHECK(layers.buffer_allocations() == 7);
}

TEST_CASE("reversed and arbitrary orders use the same plan") {
  hand h;
  larder::layer_cache layers{source_of(h, 9), larder::max_entries{5}};
  std::vector<std::size_t> reversed;
  for (std::size_t i = 9; i-- > 0;) reversed.push_back(i);
  for (int p = 0; p < 3; ++p) {
    for (auto layer : layers.pass()) REQUIRE(is_whole(layer));
    std::size_t expected = 9;
    for (auto layer : layers.pass(reversed)) {
      REQUIRE(layer.index() == --expected);
      REQUIRE(is_whole(layer));
    }
  }
  // At each turn the two layers in the slots serve again.
  CHECK(h.loads() == 9 + 5 * (6 - 2));
  CHECK(layers.stats().wasted_prefetches == 0);
  std::vector<std::size_t> odd{8, 8, 1, 3, 3, 0};
  std::size_t at = 0;
  for (auto layer : layers.pass(odd)) CHECK(layer.index() == odd[at++]);
  CHECK(at == odd.size());
  for (auto layer : layers.pass(std::vector<std::size_t>{})) CHECK(layer.index() == 99);
}

TEST_CASE("a loop that is left early harms no later pass") {
  hand h;
  larder::layer_cache layers{source_of(h, 10), larder::max_entries{4}};
  for (std::size_t stop = 0; stop < 10; ++stop) {
    for (auto layer : layers.endless_passes())
      if (layer.index() == stop) break;
    std::size_t expected = 0;
    for (auto layer : layers.pass()) {
      REQUIRE(layer.index() == expected++);
      REQUIRE(is_whole(layer));
    }
    REQUIRE(expected == 10);
  }
  CHECK(layers.weight() <= 400);
}

TEST_CASE("L16 leases on every slot neither stop the loader nor lose their bytes") {
  hand h;
  larder::layer_cache layers{source_of(h, 10), larder::max_entries{3}};  // one resident, two slots
  std::vector<larder::layer> held;
  for (auto layer : layers.pass()) held.push_back(layer);
  CHECK(held.size() == 10);
  for (const larder::layer& layer : held) CHECK(is_whole(layer));
  CHECK(layers.stats().extra_buffers == 7);
  CHECK(layers.stats().pinned_bytes == 700);
  CHECK(layers.weight() == 300);
  held.clear();
  CHECK(layers.stats().pinned_bytes == 0);
  const std::uint64_t before = layers.stats().extra_buffers;
  for (auto layer : layers.pass()) CHECK(is_whole(layer));
  CHECK(layers.stats().extra_buffers == before);
}

TEST_CASE("a slot that a lease held is filled as soon as the lease goes") {
  hand h;
  larder::layer_cache layers{source_of(h, 6), larder::max_entries{1}};  // one slot, no resident
  auto pass = layers.pass();
  auto step = pass.begin();
  std::optional<larder::layer> first(*step);
  CHECK(h.loads_of(1) == 0);
  first.reset();
  REQUIRE(h.begun(1));  // without a further call
  ++step;
  CHECK((*step).index() == 1);
}

TEST_CASE("L6 L11 a failed prefetch of a pass is tried again by the step that needs it") {
  hand h;
  larder::layer_cache layers{source_of(h, 6), larder::max_entries{3}};
  h.fail(2, 1);
  std::size_t served = 0;
  for (auto layer : layers.pass()) {
    if (layer.index() == 1) {
      REQUIRE(h.begun(2));
      while (layers.stats().load_failures == 0) std::this_thread::yield();
    }
    CHECK(is_whole(layer));
    ++served;
  }
  CHECK(served == 6);
  CHECK(h.loads_of(2) == 2);
  h.fail(4, 1000);
  std::size_t reached = 0;
  try {
    for (auto layer : layers.pass()) reached = layer.index();
    CHECK_MESSAGE(false, "a layer that cannot be loaded was passed over");
  } catch (const std::runtime_error& e) {
    CHECK(std::string(e.what()) == "layer 4 is out of reach");
  }
  CHECK(reached == 3);
  CHECK(h.loads_of(4) <= 4);  // nobody hammers at it
}

TEST_CASE("warm-up and prefetch under a plan") {
  hand h;
  larder::layer_cache layers{source_of(h, 8), larder::max_entries{4}};  // 0 and 4 are resident
  REQUIRE(layers.plan().resident_count == 2);
  layers.warmup({0, 1, 2, 3, 4, 5, 6, 7}).wait();
  CHECK(layers.contains(0));
  CHECK(layers.contains(4));
  CHECK(layers.weight() <= 400);
  layers.clear();
  layers.prefetch_next(0, 3).wait();
  CHECK(layers.contains(1));
  CHECK(layers.contains(2));
  CHECK_FALSE(layers.contains(3));  // both slots hold what nobody asked for yet
  layers.get(1);
  layers.get(2);
  CHECK(layers.stats().prefetch_hits == 2);
  layers.prefetch_next(2, 1).wait();
  CHECK(layers.contains(3));
}

TEST_CASE("a new capacity plans anew, at once") {
  hand h;
  larder::layer_cache layers{source_of(h, 12), larder::max_bytes{1200}};
  for (auto layer : layers.pass()) CHECK(is_whole(layer));
  CHECK(layers.size() == 12);
  layers.set_capacity(larder::max_bytes{600});
  CHECK(layers.capacity() == 600);
  CHECK(layers.weight() <= 600);
  CHECK(layers.size() == 4);  // the residents of the new plan were there already
  CHECK(layers.stats().overhead_bytes < 2000);
  const std::uint64_t before = h.loads();
  for (int p = 0; p < 2; ++p)
    for (auto layer : layers.pass()) CHECK(is_whole(layer));
  CHECK(h.loads() == before + 2 * 8);
  CHECK_THROWS_AS(layers.set_capacity(99), larder::error);  // less than one layer
  CHECK(layers.capacity() == 600);
  layers.set_capacity(1200);
  for (auto layer : layers.pass()) CHECK(is_whole(layer));
  CHECK(layers.size() == 12);
}

TEST_CASE("L10 under a plan: exact weight after any operations, capacity never passed") {
  hand h;
  std::mt19937 random(10);
  std::vector<std::uint64_t> sizes;
  for (int i = 0; i < 14; ++i) sizes.push_back(50 + random() % 200);
  larder::layer_cache layers{source_of_sizes(h, sizes), larder::max_bytes{1000}};
  std::uint64_t capacity = 1000;
  std::vector<larder::layer> held;
  for (int step = 0; step < 10'000; ++step) {
    const std::size_t i = random() % sizes.size();
    switch (random() % 12) {
      case 0: layers.erase(i); break;
      case 1:
        if (random() % 50 == 0) layers.clear();
        break;
      case 2: layers.warmup({i}).wait(); break;
      case 3: layers.prefetch_next(i, random() % 3).wait(); break;
      case 4:
        if (random() % 10 == 0) {
          capacity = 300 + random() % 2500;
          layers.set_capacity(larder::max_bytes{capacity});
        }
        break;
      case 5: held.push_back(layers.get(i)); break;
      case 6:
        if (!held.empty()) held.erase(held.begin() + static_cast<std::ptrdiff_t>(random() % held.size()));
        break;
      case 7:
        if (random() % 10 == 0) {
          for (auto layer : layers.pass())
            if (random() % 20 == 0) break;
          layers.warmup({i}).wait();  // the loader may still have been at work for the pass
        }
        break;
      default: REQUIRE(is_whole(layers.get(i)));
    }
    std::uint64_t sum = 0;
    layers.for_each([&](std::string_view, std::uint64_t size) { sum += size; });
    REQUIRE(layers.weight() == sum);
    REQUIRE(sum <= capacity);
  }
  for (const larder::layer& lease : held) CHECK(is_whole(lease));
  held.clear();
  CHECK(layers.stats().pinned_bytes == 0);
}

TEST_CASE("several threads pass through one cache") {
  hand h;
  larder::layer_cache layers{source_of(h, 9), larder::max_entries{5}};
  std::atomic<int> whole{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      for (int p = 0; p < 8; ++p)
        for (auto layer : layers.pass())
          if (is_whole(layer)) ++whole;
    });
  threads.emplace_back([&] {
    for (int k = 0; k < 40; ++k) {
      layers.set_capacity(k % 2 == 0 ? 3 : 6);
      layers.erase(static_cast<std::size_t>(k % 9));
      if (layers.stats().hit_rate() > 1.0) --whole;
    }
  });
  for (std::thread& t : threads) t.join();
  CHECK(whole == 3 * 8 * 9);
  CHECK(layers.stats().pinned_bytes == 0);
  CHECK(layers.weight() <= 600);
}
