#include "hand_source.hpp"

#include <larder/core/time.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/cyclic.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/layer/layer_cache.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace larder_tests;
using namespace std::chrono_literals;

namespace {

template <class Cache>
std::vector<std::size_t> cached(const Cache& cache) {
  std::vector<std::size_t> indexes;
  for (std::size_t i = 0; i < cache.layer_count(); ++i)
    if (cache.contains(i)) indexes.push_back(i);
  return indexes;
}
using indexes = std::vector<std::size_t>;

/// A clock that moves by hand and says how often it was asked: whoever asked twice is waiting for it to move.
struct watched_clock {
  larder::instant now() const noexcept {
    asked.fetch_add(1);
    return larder::instant{time.load()};
  }
  void pass(larder::duration d) { time.fetch_add(d.count()); }
  bool asked_again(int since) const {
    for (int i = 0; i < 20'000'000 && asked.load() < since + 2; ++i) std::this_thread::yield();
    return asked.load() >= since + 2;
  }
  std::atomic<std::int64_t> time{0};
  mutable std::atomic<int> asked{0};
};

}  // namespace

TEST_CASE("L4 warm-up loads, hits load nothing, and the least recently used layer leaves") {
  hand h;
  larder::layer_cache layers{source_of(h, 5), larder::lru{}, larder::max_entries{3}};
  const larder::task warm = layers.warmup({0, 1, 2});
  warm.wait();
  CHECK(warm.done());
  CHECK(warm.progress().done == 3);
  CHECK(warm.progress().fraction() == 1.0);
  CHECK(layers.stats().loads == 3);
  CHECK(layers.stats().warmup_loads == 3);
  CHECK(layers.stats().hits == 0);
  for (const std::size_t i : {0U, 1U, 2U}) CHECK(is_whole(layers.get(i)));
  CHECK(layers.stats().hits == 3);
  CHECK(h.loads() == 3);
  layers.get(3);
  CHECK(cached(layers) == indexes{1, 2, 3});
  CHECK(layers.stats().evictions == 1);
  std::vector<std::pair<std::string, std::uint64_t>> listed;
  layers.for_each([&](std::string_view name, std::uint64_t size) { listed.emplace_back(name, size); });
  CHECK(listed == std::vector<std::pair<std::string, std::uint64_t>>{{"layer.1", 100}, {"layer.2", 100}, {"layer.3", 100}});
  layers.for_each([&](std::string_view, std::uint64_t, larder::duration age) { CHECK(age.count() >= 0); });
}

TEST_CASE("a policy may come in any place") {
  hand h;
  larder::layer_cache one{source_of(h, 3), larder::max_entries{2}, larder::clock{}};
  larder::layer_cache two{source_of(h, 3), larder::fifo{}, larder::max_bytes{250}, larder::max_entries{3}};
  for (const std::size_t i : {0U, 1U, 2U}) {
    one.get(i);
    two.get(i);
  }
  CHECK(one.size() == 2);
  CHECK(two.size() == 2);
  CHECK(two.weight() == 200);
  CHECK(one.capacity() == 2);
  CHECK(two.capacity() == 250);
}

TEST_CASE("L5 prefetch asks for what follows, nothing beyond the end, and does not block") {
  hand h;
  larder::layer_cache layers{source_of(h, 5), larder::lru{}, larder::max_entries{5}};
  h.hold();
  const larder::task ahead = layers.prefetch_next(2, 2);  // returns while the source holds every load
  CHECK_FALSE(ahead.done());
  CHECK(ahead.progress().total == 2);
  CHECK(h.begun(3));
  h.let_all();
  ahead.wait();
  CHECK(cached(layers) == indexes{3, 4});
  CHECK(layers.stats().prefetch_loads == 2);
  CHECK(layers.stats().hits + layers.stats().misses == 0);
  layers.prefetch_next(3, 10).wait();
  layers.prefetch_next(4, 2).wait();
  CHECK(h.loads() == 2);
  layers.get(3);
  layers.get(3);
  CHECK(layers.stats().prefetch_hits == 1);
  CHECK(layers.stats().hits == 2);
  CHECK(layers.stats().wasted_prefetches == 0);
  layers.clear();
  CHECK(layers.stats().wasted_prefetches == 1);  // nobody asked for 4
}

TEST_CASE("L6 demand for a layer that is being prefetched joins its load") {
  hand h;
  larder::layer_cache layers{source_of(h, 5), larder::lru{}, larder::max_entries{5}};
  h.hold();
  layers.prefetch_next(0, 1);
  REQUIRE(h.begun(1));
  std::thread demand([&] { CHECK(is_whole(layers.get(1))); });
  while (layers.stats().joined == 0) std::this_thread::yield();
  h.let_all();
  demand.join();
  CHECK(h.loads() == 1);
  CHECK(layers.stats().joined == 1);
  CHECK(layers.stats().misses == 1);
  CHECK(layers.stats().prefetch_hits == 0);
  layers.get(1);
  CHECK(layers.stats().prefetch_hits == 0);  // it was asked for already
}

TEST_CASE("L7 a smaller capacity acts at once, a larger one evicts nothing") {
  hand h;
  larder::layer_cache layers{source_of(h, 8, 1000), larder::lru{}, larder::max_entries{5}};
  for (const std::size_t i : {0U, 1U, 2U, 3U, 4U}) layers.get(i);
  layers.get(1);
  layers.set_capacity(2);
  CHECK(cached(layers) == indexes{1, 4});
  CHECK(layers.weight() == 2000);
  CHECK(layers.stats().pinned_bytes == 0);
  CHECK(layers.stats().overhead_bytes < 1000);  // no buffer is kept back either
  layers.set_capacity(larder::max_entries{5});
  CHECK(layers.size() == 2);
  for (const std::size_t i : {5U, 6U, 7U}) layers.get(i);
  CHECK(cached(layers) == indexes{1, 4, 5, 6, 7});
  CHECK(layers.stats().evictions == 3);
  layers.set_capacity(larder::max_bytes{1500});  // a limit that was not named at first combines
  CHECK(layers.size() == 1);
}

TEST_CASE("L3 sixteen threads miss one layer: one load, equal bytes, exact size") {
  hand h;
  larder::layer_cache layers{source_of(h, 4, 5000), larder::lru{}, larder::max_entries{2}};
  h.hold();
  std::vector<std::thread> threads;
  std::atomic<int> whole{0};
  for (int t = 0; t < 16; ++t)
    threads.emplace_back([&] {
      if (is_whole(layers.get(2))) ++whole;
    });
  while (layers.stats().misses < 16) std::this_thread::yield();
  h.let_all();
  for (std::thread& t : threads) t.join();
  CHECK(whole == 16);
  CHECK(h.loads() == 1);
  CHECK(layers.stats().joined == 15);
  CHECK(layers.weight() == 5000);
  CHECK(layers.stats().pinned_bytes == 0);
}

TEST_CASE("L9 the hit rate counts demand only") {
  hand h;
  larder::layer_cache layers{source_of(h, 10), larder::lru{}, larder::max_entries{10}};
  layers.warmup({0, 1, 2, 3}).wait();
  layers.prefetch_next(3, 3).wait();
  for (const std::size_t i : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U}) layers.get(i);
  const larder::layer_stats s = layers.stats();
  CHECK(s.hits == 7);
  CHECK(s.misses == 3);
  CHECK(s.hit_rate() == doctest::Approx(0.70));
  CHECK(s.warmup_loads == 4);
  CHECK(s.prefetch_loads == 3);
  CHECK(s.demand_loads == 3);
  CHECK(s.loads == 10);
  CHECK(s.prefetch_hits == 3);
  CHECK(s.bytes_read == 1000);
  layers.reset_stats();
  CHECK(layers.stats().hits == 0);
}

TEST_CASE("L10 the weight is the sum over live layers after any operations") {
  hand h;
  std::mt19937 random(7);
  std::vector<std::uint64_t> sizes;
  for (int i = 0; i < 12; ++i) sizes.push_back(random() % 400);
  sizes[3] = 5000;  // larger than the capacity
  larder::layer_cache layers{source_of_sizes(h, sizes), larder::lru{}, larder::max_bytes{1000}, larder::max_entries{6}};
  std::uint64_t capacity = 1000;
  std::vector<std::pair<std::size_t, larder::layer>> held;
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
        capacity = 300 + random() % 1000;
        layers.set_capacity(larder::max_bytes{capacity});
        break;
      case 5: held.emplace_back(i, layers.get(i)); break;
      case 6:
        if (!held.empty()) held.erase(held.begin() + static_cast<std::ptrdiff_t>(random() % held.size()));
        break;
      default: layers.get(i);
    }
    std::uint64_t sum = 0;
    std::size_t count = 0;
    layers.for_each([&](std::string_view, std::uint64_t size) {
      sum += size;
      ++count;
    });
    REQUIRE(layers.weight() == sum);
    REQUIRE(layers.size() == count);
    REQUIRE(sum <= capacity);
    REQUIRE(count <= 6);
  }
  for (const auto& [i, lease] : held) {
    CHECK(lease.index() == i);
    CHECK(is_whole(lease));
  }
  // What the cache does not hold but leases do is pinned, each layer's memory once.
  layers.clear();
  CHECK(layers.stats().pinned_bytes > 0);
  held.clear();
  CHECK(layers.stats().pinned_bytes == 0);
  CHECK(layers.weight() == 0);
}

TEST_CASE("L11 a loader's failure reaches everybody who waits, and the next call tries again") {
  hand h;
  larder::layer_cache layers{source_of(h, 3), larder::lru{}, larder::max_entries{3}};
  layers.get(0);
  h.hold();
  h.fail(1, 1);
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      try {
        layers.get(1);
      } catch (const std::runtime_error& e) {
        if (std::string(e.what()) == "layer 1 is out of reach") ++failed;
      }
    });
  while (layers.stats().misses < 5) std::this_thread::yield();
  h.let_all();
  for (std::thread& t : threads) t.join();
  CHECK(failed == 4);
  CHECK(cached(layers) == indexes{0});
  CHECK(layers.stats().load_failures == 1);
  CHECK(layers.weight() == 100);
  CHECK(is_whole(layers.get(1)));

  h.fail(2, 1);
  const larder::task warm = layers.warmup({2});
  CHECK_THROWS_WITH(warm.wait(), "layer 2 is out of reach");
  CHECK_FALSE(layers.contains(2));
  CHECK(is_whole(layers.get(2)));
}

TEST_CASE("L12 tries again after growing delays of the given clock") {
  hand h;
  watched_clock now;
  larder::layer_cache layers{source_of(h, 3), larder::load_retries{3, 100ms}, larder::time_source{now}};
  h.fail(1, 2);
  h.hold();
  std::optional<larder::layer> got;
  std::thread demand([&] { got.emplace(layers.get(1)); });
  larder::duration delay = 100ms;
  for (const int tries : {1, 2}) {
    CHECK(h.begun(1, tries));
    const int asked = now.asked.load();
    h.let(1);
    CHECK(now.asked_again(asked));
    now.pass(delay - 1ms);
    CHECK(now.asked_again(now.asked.load()));  // it looked at the clock after that and went on waiting
    CHECK(h.loads_of(1) == tries);
    now.pass(1ms);
    delay *= 2;
  }
  CHECK(h.begun(1, 3));
  h.let_all();
  demand.join();
  CHECK(h.loads_of(1) == 3);
  REQUIRE(got.has_value());
  CHECK(is_whole(*got));
  CHECK(layers.stats().loads == 1);
  CHECK(layers.stats().load_failures == 0);
}

TEST_CASE("L13 clear or erase during a load: who waits gets it, it is not stored") {
  for (const bool everything : {false, true}) {
    hand h;
    larder::layer_cache layers{source_of(h, 3), larder::lru{}, larder::max_entries{3}};
    h.hold();
    std::optional<larder::layer> got;
    std::thread demand([&] { got.emplace(layers.get(1)); });
    REQUIRE(h.begun(1));
    if (everything)
      layers.clear();
    else
      CHECK_FALSE(layers.erase(1));  // it was not cached
    h.let_all();
    demand.join();
    CHECK(is_whole(*got));
    CHECK(layers.size() == 0);
    CHECK(layers.stats().pinned_bytes == 100);
    layers.get(1);
    CHECK(h.loads() == 2);
  }
}

TEST_CASE("L16 a layer that is held while it is evicted stays valid, even beyond the cache") {
  hand h;
  std::optional<larder::tensor> tensor;
  {
    auto layers = std::make_unique<larder::layer_cache<decltype(source_of(h, 1)), larder::lru, larder::max_entries>>(
        source_of(h, 6, 4096), larder::lru{}, larder::max_entries{1});
    larder::layer first = layers->get(0);
    for (const std::size_t i : {1U, 2U, 3U}) layers->get(i);
    CHECK_FALSE(layers->contains(0));
    CHECK(layers->stats().pinned_bytes == 4096);
    CHECK(is_whole(first));
    larder::layer copy = first;
    tensor = copy.tensor("layer.0");
    layers->clear();
    CHECK(layers->stats().pinned_bytes == 4096);
    first = layers->get(5);
    layers.reset();
    CHECK(is_whole(first));
  }
  for (const std::byte b : tensor->as_span<std::byte>()) REQUIRE(b == std::byte{0});
  CHECK(tensor->info().name == "layer.0");
}

TEST_CASE("a layer larger than the cache is served, not cached, and evicts nothing") {
  hand h;
  larder::layer_cache layers{source_of_sizes(h, {100, 100, 500}), larder::lru{}, larder::max_bytes{300}};
  layers.get(0);
  layers.get(1);
  {
    const larder::layer large = layers.get(2);
    CHECK(is_whole(large));
    CHECK(layers.stats().pinned_bytes == 500);
  }
  CHECK(cached(layers) == indexes{0, 1});
  CHECK(layers.stats().refused == 1);
  CHECK(layers.stats().evictions == 0);
  layers.warmup({2}).wait();  // there is no point in loading it ahead
  CHECK(h.loads() == 3);
}

TEST_CASE("buffers are used again") {
  hand h;
  larder::layer_cache layers{source_of(h, 8, 10'000), larder::lru{}, larder::max_entries{2}};
  for (int round = 0; round < 5; ++round)
    for (std::size_t i = 0; i < 8; ++i) CHECK(is_whole(layers.get(i)));
  CHECK(h.loads() == 40);
  CHECK(layers.buffer_allocations() == 3);  // two cached, one being loaded
}

TEST_CASE("a warm-up can be stopped, and says so") {
  hand h;
  larder::layer_cache layers{source_of(h, 5), larder::lru{}, larder::max_entries{5}};
  h.hold();
  larder::task warm = layers.warmup({0, 1, 2});
  REQUIRE(h.begun(0));
  warm.request_stop();
  h.let_all();
  try {
    warm.wait();
    CHECK_MESSAGE(false, "the stopped warm-up ended well");
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::cancelled);
  }
  CHECK(h.loads() == 1);
  layers.warmup({1}).wait();
  CHECK(layers.contains(1));
}

TEST_CASE("a dropped task lets the work go on, and the destructor ends it") {
  hand h;
  std::optional<larder::task> last;
  {
    larder::layer_cache layers{source_of(h, 5), larder::lru{}, larder::max_entries{5}};
    { const larder::task dropped = layers.warmup({0}); }
    layers.warmup({1}).wait();
    CHECK(layers.contains(0));
    h.hold();
    layers.warmup({2, 3, 4});
    last = layers.warmup({4});
    REQUIRE(h.begun(2));
    h.let(2);
    h.let(3);
    h.let(4);
  }
  try {
    last->wait();
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::cancelled);
  }
  CHECK(last->done());
}

TEST_CASE("a loader that asks for its own layer is told so") {
  struct self {
    larder::layer get() { return ask(); }
    std::function<larder::layer()> ask;
  };
  self me;
  larder::layer_cache layers{larder::loader_source{layers_of_sizes({10, 10}),
                                                   [&me](std::size_t i, std::span<std::byte>) {
                                                     if (i == 0) me.get();
                                                   }},
                             larder::lru{}, larder::max_entries{2}};
  me.ask = [&] { return layers.get(0); };
  try {
    layers.get(0);
    CHECK_MESSAGE(false, "the loader got its own layer");
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::reentrant);
  }
  me.ask = [&] { return layers.get(1); };  // another layer is fine
  layers.get(0);
  CHECK(layers.size() == 2);
}

TEST_CASE("wrong indexes and names are errors that say what there is") {
  hand h;
  larder::layer_cache layers{source_of(h, 2), larder::lru{}, larder::max_entries{2}};
  CHECK_THROWS_WITH_AS(layers.get(2), doctest::Contains("layer 2 was asked for; there are 2"), larder::error);
  CHECK_THROWS_WITH_AS(layers.get("layer.9"), doctest::Contains("no layer \"layer.9\""), larder::error);
  CHECK_THROWS_WITH_AS(layers.get(0).tensor("bias"), doctest::Contains("has no tensor \"bias\"; it has layer.0"), larder::error);
  CHECK_THROWS_AS(layers.warmup({0, 7}), larder::error);
  CHECK_THROWS_AS(layers.pass({7}), larder::error);
  CHECK(layers.get("layer.1").index() == 1);
  CHECK(layers.contains("layer.1"));
  CHECK(layers.erase("layer.1"));
  CHECK_FALSE(layers.contains(1));
  CHECK_THROWS_WITH_AS((larder::layer_cache{larder::loader_source{std::vector<larder::layer_info>{{"a", 1, {}}, {"a", 1, {}}},
                                                                  [](std::size_t, std::span<std::byte>) {}}}),
                       doctest::Contains("two layers named \"a\""), larder::error);
}

TEST_CASE("passes by use load ahead without pushing out what was loaded ahead") {
  hand h;
  larder::layer_cache layers{source_of(h, 12), larder::lru{}, larder::max_entries{4}};
  for (int pass = 0; pass < 5; ++pass) {
    std::size_t expected = 0;
    for (auto layer : layers.pass()) {
      CHECK(layer.index() == expected++);
      CHECK(is_whole(layer));
    }
    CHECK(expected == 12);
  }
  CHECK(h.loads() == 60);  // recency hits nothing on a cycle; but each layer is loaded once per pass
  CHECK(layers.stats().wasted_prefetches == 0);
}

TEST_CASE("many threads: exact weight, whole layers, in every mix of operations") {
  hand h;
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t i = 0; i < 10; ++i) sizes.push_back(64 + i * 32);
  larder::layer_cache layers{source_of_sizes(h, sizes), larder::lru{}, larder::max_bytes{1000}};
  std::vector<std::thread> threads;
  std::atomic<bool> all_whole{true};
  std::atomic<bool> within{true};
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int step = 0; step < 1500; ++step) {
        const std::size_t i = random() % sizes.size();
        switch (random() % 10) {
          case 0: layers.erase(i); break;
          case 1: layers.prefetch_next(i, 2); break;
          case 2: layers.warmup({i}); break;
          case 3:
            if (random() % 20 == 0) layers.clear();
            break;
          default:
            if (!is_whole(layers.get(i))) all_whole = false;
        }
        if (layers.weight() > 1000) within = false;
      }
    });
  for (std::thread& t : threads) t.join();
  layers.warmup({0}).wait();  // the queue is worked off in order
  CHECK(all_whole);
  CHECK(within);
  std::uint64_t sum = 0;
  layers.for_each([&](std::string_view, std::uint64_t size) { sum += size; });
  CHECK(layers.weight() == sum);
  CHECK(layers.stats().pinned_bytes == 0);
}

TEST_CASE("L8 passes by use: lru loads every layer in each, cyclic no more than an order that knows the cycle") {
  struct row {
    std::size_t layers;
    std::uint64_t capacity;
    int passes;
    std::uint64_t cyclic;
    std::uint64_t lru;
  };
  for (const row& r : {row{4, 3, 3, 6, 12}, row{4, 2, 3, 9, 12}, row{12, 4, 10, 90, 120}, row{12, 8, 10, 50, 120}}) {
    CAPTURE(r.layers);
    CAPTURE(r.capacity);
    hand by_cycle;
    hand by_use;
    larder::layer_cache cyclic{source_of(by_cycle, r.layers), larder::cyclic{}, larder::max_entries{r.capacity}};
    larder::layer_cache recent{source_of(by_use, r.layers), larder::lru{}, larder::max_entries{r.capacity}};
    for (int pass = 0; pass < r.passes; ++pass)
      for (std::size_t i = 0; i < r.layers; ++i) {
        REQUIRE(is_whole(cyclic.get(i)));
        REQUIRE(is_whole(recent.get(i)));
      }
    CHECK(by_cycle.loads() <= r.cyclic);
    CHECK(by_use.loads() == r.lru);
  }
}
