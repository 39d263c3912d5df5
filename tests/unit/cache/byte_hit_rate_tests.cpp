// The bytes that hits found and misses brought, where a cache counts bytes.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>


namespace {

larder::bytes of_size(std::size_t n) { return larder::bytes::copy_of(std::string(n, 'x').data(), n); }

}  // namespace

TEST_CASE("hits count the bytes that they find, puts the bytes that were missed") {
  auto c = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1000});
  CHECK(c.stats().byte_hit_rate() == 0.0);
  CHECK_FALSE(c.get("a"));
  c.put("a", of_size(100));
  CHECK(c.get("a"));
  CHECK(c.get("a"));
  CHECK(c.peek("a"));         // not a use
  c.put("a", of_size(40));    // a replacement answers no miss
  CHECK(c.visit("a", [](const larder::bytes&) {}));
  CHECK_FALSE(c.put("large", of_size(2000)));  // missed, though it cannot be kept
  CHECK_FALSE(c.put_if_absent("a", of_size(10)));
  const larder::cache_stats s = c.stats();
  CHECK(s.hit_bytes == 240);
  CHECK(s.missed_bytes == 2100);
  CHECK(s.byte_hit_rate() == doctest::Approx(240.0 / 2340));
  c.reset_stats();
  CHECK(c.stats().hit_bytes == 0);
  CHECK(c.stats().missed_bytes == 0);
}

TEST_CASE("what is refused since nobody may leave was missed all the same, and once") {
  auto pinned = larder::make_cache<std::string, larder::bytes>(larder::lru{}, larder::max_bytes{100}, larder::sharded<4>{});
  pinned.put("a", of_size(80));
  const auto lease = pinned.pin("a");
  CHECK_FALSE(pinned.put("b", of_size(50)));
  CHECK(pinned.stats().missed_bytes == 130);
  auto filled = larder::make_cache<int, larder::bytes>(larder::epoch_pin{}, larder::max_bytes{100});
  for (int i = 0; i < 5; ++i) filled.put(i, of_size(30));
  CHECK(filled.stats().missed_bytes == 150);
  CHECK(filled.stats().refused == 2);
}

TEST_CASE("a cache that does not count bytes says nothing of them") {
  auto c = larder::make_cache<int, int>(larder::max_entries{10});
  c.put(1, 1);
  CHECK(c.get(1));
  CHECK(c.stats().hit_bytes == 0);
  CHECK(c.stats().missed_bytes == 0);
  CHECK(c.stats().byte_hit_rate() == 0.0);
}


TEST_CASE("threads lose no byte") {
  auto c = larder::make_cache<std::uint64_t, larder::bytes>(larder::max_bytes{std::uint64_t{1} << 20U}, larder::sharded<4>{});
  std::atomic<std::uint64_t> hit{0};
  std::atomic<std::uint64_t> missed{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      for (int i = 0; i < 5000; ++i) {
        const std::uint64_t key = seed * 1000 + random() % 50;  // each its own keys
        if (const auto found = c.get(key)) {
          hit += found->size();
        } else {
          const std::size_t size = 1 + random() % 20'000;
          missed += size;
          c.put(key, of_size(size));
        }
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(c.stats().hit_bytes == hit);
  CHECK(c.stats().missed_bytes == missed);
}
