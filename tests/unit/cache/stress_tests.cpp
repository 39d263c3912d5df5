// Everything at once, from several threads: meant for the thread sanitizer. Afterwards the counters add up, the weight is the
// sum of what is there, and no value was ever seen that was not put for its key.

#include <larder/cache.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/largest_first.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/limit/weigher.hpp>
#include <larder/tiered.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using text = std::string;

namespace {

constexpr int keys = 40;

text key_of(std::uint64_t n) { return "key " + std::to_string(n % keys); }
/// A value that names its key, of 8 to 40 bytes.
text value_of(const text& key, std::uint64_t n) { return key + "=" + text(n % 30, 'x'); }
bool belongs(const text& key, const text& value) { return value.starts_with(key + "="); }

struct tally {
  std::atomic<std::uint64_t> lookups{0};
  std::atomic<std::uint64_t> wrong{0};
};

/// What one thread does to a cache or to tiers.
template <class Cache>
void work(Cache& c, unsigned seed, int operations, tally& t) {
  std::mt19937 random(seed);
  const auto check = [&](const text& key, const std::optional<text>& value) {
    if (value && !belongs(key, *value)) ++t.wrong;
  };
  for (int i = 0; i < operations; ++i) {
    const text key = key_of(random());
    const text value = value_of(key, random());
    switch (random() % 20) {
      case 0: c.erase(key); break;
      case 1: c.put_if_absent(key, value); break;
      case 2:
      case 3:
        ++t.lookups;
        check(key, c.get_or_load(key, [&] { return value; }));
        break;
      case 4:
        if (random() % 20 == 0) c.erase_prefix(key);
        break;
      case 5:
        if (random() % 50 == 0) c.clear();
        break;
      case 6: check(key, c.peek(key)); break;
      case 7: c.contains(key); break;
      case 8:
        if (random() % 20 == 0) c.erase_if([&](const text& k) { return k == key; });
        break;
      case 9:
        if constexpr (requires { c.pin(key); }) {
          const auto lease = c.pin(key);
          check(key, c.peek(key));
        }
        break;
      case 10:
        if constexpr (requires { c.purge_expired(); }) c.purge_expired();
        break;
      case 11:
        if constexpr (requires { c.visit(key, [](const text&) {}); }) {
          ++t.lookups;
          c.visit(key, [&](const text& v) { check(key, v); });
        }
        break;
      case 12: {
        const text other = key_of(random());
        t.lookups += 2;
        const auto both = c.get_many({key, other});
        check(key, both[0]);
        check(other, both[1]);
        break;
      }
      case 13: c.stats(); break;
      case 14:
      case 15:
      case 16: c.put(key, value); break;
      default:
        ++t.lookups;
        check(key, c.get(key));
    }
  }
}

template <class Cache>
void work_together(Cache& c, int threads, int operations, tally& t) {
  std::latch begin(threads);
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&, i] {
      begin.arrive_and_wait();
      work(c, static_cast<unsigned>(i) + 1, operations, t);
    });
  for (std::thread& thread : running) thread.join();
}

/// The weight is the sum of what is there; each value belongs to its key.
template <class Cache>
void check_exact(Cache& c) {
  std::uint64_t weight = 0;
  std::uint64_t entries = 0;
  bool right = true;
  c.for_each([&](const text& key, std::uint64_t w, larder::duration) {
    weight += w;
    ++entries;
    right = right && belongs(key, c.peek(key).value_or(key + "="));
  });
  CHECK(right);
  CHECK(c.weight() == weight);
  CHECK(c.size() == entries);
}

/// A second thread looks at the weight all the time, and lets the cache's clock run.
template <class Cache>
void stress(Cache& c, std::uint64_t capacity, int threads, larder::manual_clock& now) {
  tally t;
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> most{0};
  std::thread watcher([&] {
    while (!done) {
      most = std::max<std::uint64_t>(most, c.weight());
      now.advance(1ms);
      std::this_thread::yield();
    }
  });
  work_together(c, threads, 3000, t);
  done = true;
  watcher.join();
  CHECK(t.wrong == 0);
  CHECK(most <= capacity);
  CHECK(c.weight() <= capacity);
  c.purge_expired();
  check_exact(c);
  const auto s = c.stats();
  CHECK(s.hits + s.misses == t.lookups);
  CHECK(s.errors.total() == 0);
  CHECK(s.load_failures == 0);
}

}  // namespace

TEST_CASE("four threads, every operation, one shard, exact order") {
  larder::manual_clock now;
  auto c = larder::make_cache<text, text>(larder::lru{}, larder::max_bytes{400}, larder::sharded<1>{}, larder::expire_after_access{50ms},
                                          larder::time_source{now});
  stress(c, 400, 4, now);
}

TEST_CASE("four threads, every operation, the number of shards left to the cache") {
  larder::manual_clock now;
  auto c = larder::make_cache<text, text>(larder::clock{}, larder::max_entries{15}, larder::expire_after_write{20ms}, larder::ttl{},
                                          larder::time_source{now});
  stress(c, 15, 4, now);
}

TEST_CASE("four threads, every operation, eight shards under one limit") {
  larder::manual_clock now;
  auto c = larder::make_cache<text, text>(larder::largest_first{}, larder::max_bytes{300}, larder::max_entries{20}, larder::sharded<8>{},
                                          larder::watermark{0.8});
  stress(c, 300, 4, now);
}

TEST_CASE("three threads, every operation, eight shards that have room for one entry") {
  larder::manual_clock now;
  auto c = larder::make_cache<text, text>(larder::fifo{}, larder::max_weight{1}, larder::weigher{[](const text&, const text&) { return 1; }},
                                          larder::sharded<8>{});
  stress(c, 1, 3, now);
}

TEST_CASE("a put that fits is not refused while others put, however few fit together") {
  auto c = larder::make_cache<text, text>(larder::lru{}, larder::max_entries{1}, larder::sharded<8>{});
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 3000; ++i)
        if (!c.put(std::to_string(t * 7 + i), "v")) ++refused;
    });
  for (std::thread& t : threads) t.join();
  CHECK(refused == 0);
  CHECK(c.size() == 1);
}

TEST_CASE("listeners, weighers, predicates and loaders that call the cache back: no deadlock, no lost entry") {
  std::function<void(const text&)> react;
  std::atomic<std::uint64_t> heard{0};
  auto c = larder::make_cache<text, text>(larder::lru{}, larder::max_entries{8}, larder::sharded<2>{},
                                          larder::removal_listener{[&](const text& key, const text& value, larder::removal_cause cause) {
                                            ++heard;
                                            if (!belongs(key, value)) heard += 1000000;
                                            if (cause == larder::removal_cause::evicted && heard % 4 == 0) react(key);
                                          }});
  std::atomic<int> calls{0};
  react = [&](const text& key) {
    ++calls;
    c.get(key);
    c.put_if_absent(key, value_of(key, 3));
    c.erase(key_of(heard));
    c.erase_prefix("none");
    if (heard % 64 == 0) c.clear();
    c.stats();
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 1500; ++i) {
        const text key = key_of(random());
        if (i % 3 == 0)
          c.get_or_load(key, [&] {
            c.put(key_of(random()) + "?", "none");
            c.erase(key_of(random()) + "?");
            return value_of(key, 1);
          });
        else if (i % 50 == 1)
          c.erase_if([&](const text& k, const text& v) { return c.contains(k) && !belongs(k, v); });
        else
          c.put(key, value_of(key, random()));
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(calls > 0);
  CHECK(c.size() <= 8);
  const auto s = c.stats();
  CHECK(s.errors.total() == 0);
}

TEST_CASE("L3: 16 threads miss one key: one load, equal values, exact size") {
  auto c = larder::make_cache<text, larder::bytes>(larder::max_bytes{larder::bytes::copy_of("payload").size() * 4});
  std::atomic<int> loads{0};
  std::atomic<int> right{0};
  std::latch begin(16);
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t)
    threads.emplace_back([&] {
      begin.arrive_and_wait();
      const larder::bytes value = c.get_or_load("k", [&] {
        ++loads;
        return larder::bytes::copy_of("payload");
      });
      if (value.text() == "payload") ++right;
    });
  for (std::thread& t : threads) t.join();
  CHECK(loads == 1);
  CHECK(right == 16);
  CHECK(c.weight() == 7);
  CHECK(c.size() == 1);
  const auto s = c.stats();
  CHECK(s.loads == 1);
  CHECK(s.hits + s.misses == 16);
}

TEST_CASE("D16: 3 hits of 4 gets are a rate of 0.75; two threads and 100,000 operations: the counters add up") {
  auto c = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{64});
  for (int i = 0; i < 3; ++i) c.put(i, i);
  for (int i = 0; i < 4; ++i) c.get(i);
  CHECK(c.stats().hit_rate() == 0.75);
  c.reset_stats();

  std::atomic<std::uint64_t> hits{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      std::uint64_t mine = 0;
      for (int i = 0; i < 50000; ++i) {
        const int key = static_cast<int>(random() % 128);
        if (const auto value = c.get(key))
          mine += *value == key ? 1 : 1000000;
        else
          c.put(key, key);
      }
      hits += mine;
    });
  for (std::thread& t : threads) t.join();
  const auto s = c.stats();
  CHECK(s.hits == hits);
  CHECK(s.hits + s.misses == 100000);
  CHECK(s.insertions - s.evictions <= c.size() + s.misses);
  CHECK(c.size() == 64);
  CHECK(s.refused == 0);
}

TEST_CASE("three tiers of memory under four threads, written through, behind or not at all") {
  const auto small = [] { return std::make_unique<larder::cache<text, text, larder::lru, larder::max_entries>>(larder::max_entries{5}); };
  const auto middle = [] {
    return std::make_unique<larder::cache<text, text, larder::clock, larder::max_bytes, larder::sharded<4>>>(larder::max_bytes{300});
  };
  const auto large = [] { return std::make_unique<larder::cache<text, text, larder::unbounded>>(); };
  const auto run = [](auto& tiers) {
    tally t;
    work_together(tiers, 4, 1200, t);
    CHECK(t.wrong == 0);
    CHECK(tiers.flush());
    const auto s = tiers.stats();
    CHECK(s.hits + s.misses == t.lookups);
    for (const auto& tier : s.tiers) CHECK(tier.errors.total() == 0);
    check_exact(tiers.template tier<0>());
    check_exact(tiers.template tier<1>());
    check_exact(tiers.template tier<2>());
    CHECK(tiers.template tier<0>().size() <= 5);
    CHECK(tiers.template tier<1>().weight() <= 300);
    // Whoever has a key has the value of the slowest tier that was written.
    for (std::uint64_t n = 0; n < keys; ++n) {
      const text key = key_of(n);
      const auto first = tiers.template tier<0>().peek(key);
      const auto second = tiers.template tier<1>().peek(key);
      if (first && second) CHECK(*first == *second);
      CHECK(tiers.peek(key) == (first ? first : second ? second : tiers.template tier<2>().peek(key)));
    }
  };
  {
    larder::tiered tiers{small(), middle(), large()};
    run(tiers);
  }
  {
    larder::tiered tiers{small(), middle(), larder::write_back(large())};
    run(tiers);
  }
  {
    larder::tiered tiers{small(), larder::write_back(middle()), larder::write_back(large())};
    run(tiers);
  }
  {
    auto shared = large();
    for (std::uint64_t n = 0; n < keys; n += 2) shared->put(key_of(n), value_of(key_of(n), n));
    larder::tiered tiers{small(), larder::write_back(middle()), larder::read_only(std::move(shared))};
    run(tiers);
    CHECK(tiers.tier<2>().size() == keys / 2);
  }
}
