// The scenarios of caches in memory: L2, L3, L11, L13, D1, D5, D6, D7, D13, D14, D15, D16.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <iterator>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace larder::literals;
using larder::bytes;

namespace {

bytes block(std::size_t size, char fill = 'x') { return bytes::copy_of(std::string(size, fill)); }

template <class Cache>
std::vector<std::string> keys_of(Cache& cache) {
  std::vector<std::string> keys;
  cache.for_each([&](const std::string& key, std::uint64_t, larder::duration) { keys.push_back(key); });
  std::ranges::sort(keys);
  return keys;
}
using names = std::vector<std::string>;

}  // namespace

TEST_CASE("L1 cache 1 MB, 400 KB items, requests 0 1 0 2: items 0 and 2 remain") {
  auto items = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{1_MB});
  for (const char* item : {"0", "1", "0", "2"}) items.get_or_load(item, [] { return block(400'000); });
  CHECK(keys_of(items) == names{"0", "2"});
  CHECK(items.stats().loads == 3);
}

TEST_CASE("L2 an item larger than the cache is served, not cached, and evicts nothing") {
  auto items = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{1_MB});
  items.put("a", block(400'000));
  items.put("b", block(400'000));
  CHECK(items.get_or_load("large", [] { return block(1'000'001); }).size() == 1'000'001);
  CHECK_FALSE(items.contains("large"));
  CHECK(keys_of(items) == names{"a", "b"});
  CHECK(items.stats().evictions == 0);
  CHECK(items.stats().refused == 1);
  CHECK(items.weight() == 800'000);
}

TEST_CASE("L3 16 threads miss one key: one load, equal bytes, accounted size exact") {
  auto items = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{1_MB});
  std::atomic<int> loads{0};
  std::atomic<int> equal{0};
  std::latch ready(16);
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&] {
      ready.arrive_and_wait();
      const bytes got = items.get_or_load("layer", [&] {
        ++loads;
        return block(123'456, 'w');
      });
      equal += got == block(123'456, 'w') ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(loads == 1);
  CHECK(equal == 16);
  CHECK(items.weight() == 123'456);
  CHECK(items.size() == 1);
  const larder::cache_stats s = items.stats();
  CHECK(s.loads == 1);
  CHECK(s.hits + s.misses == 16);
}

TEST_CASE("L11 a loader throws: every waiter gets it, nothing is stored, the next call tries again") {
  auto items = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{1_MB});
  std::promise<void> entered;
  std::promise<void> open;
  std::atomic<int> failed{0};
  const auto ask = [&](auto&& loader) {
    try {
      items.get_or_load("layer", loader);
    } catch (const std::runtime_error& e) {
      failed += std::string(e.what()) == "disk on fire" ? 1 : 0;
    }
  };
  std::thread leader([&] {
    ask([&]() -> bytes {
      entered.set_value();
      open.get_future().wait();
      throw std::runtime_error("disk on fire");
    });
  });
  entered.get_future().wait();
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) waiters.emplace_back([&] { ask([]() -> bytes { throw std::runtime_error("not mine"); }); });
  while (items.stats().joined != 4) std::this_thread::yield();
  open.set_value();
  leader.join();
  for (std::thread& waiter : waiters) waiter.join();
  CHECK(failed == 5);
  CHECK(items.empty());
  CHECK(items.stats().load_failures == 1);
  CHECK(items.get_or_load("layer", [] { return block(5); }) == block(5));
}

TEST_CASE("L13 clear(), erase or put of the key during a load: its waiters get the loaded value, it is not inserted") {
  for (const std::string during : {"clear", "erase", "put"}) {
    CAPTURE(during);
    auto items = larder::make_cache<std::string, std::string>(larder::lru{}, larder::max_entries{10});
    std::promise<void> entered;
    std::promise<void> open;
    std::atomic<int> loaded{0};
    std::thread leader([&] {
      loaded += items.get_or_load("layer", [&] {
        entered.set_value();
        open.get_future().wait();
        return std::string("loaded");
      }) == "loaded";
    });
    entered.get_future().wait();
    std::thread waiter([&] { loaded += items.get_or_load("layer", [] { return std::string("another"); }) == "loaded"; });
    while (items.stats().joined != 1) std::this_thread::yield();
    if (during == "clear") items.clear();
    if (during == "erase") items.erase("layer");
    if (during == "put") items.put("layer", "put");
    open.set_value();
    leader.join();
    waiter.join();
    CHECK(loaded == 2);
    CHECK(items.get("layer") == (during == "put" ? std::optional<std::string>("put") : std::nullopt));
  }
}

TEST_CASE_TEMPLATE("D1 memory 1 MB, six puts of 300 KB: the 3 newest live, 900 KB, 3 evictions; 10 bytes more evict nothing", Order, larder::lru,
                   larder::fifo, larder::clock) {
  auto c = larder::make_cache<std::string, bytes>(Order{}, larder::max_bytes{1_MB});
  for (const char* key : {"1", "2", "3", "4", "5", "6"}) CHECK(c.put(key, block(300'000)));
  CHECK(keys_of(c) == names{"4", "5", "6"});
  CHECK(c.weight() == 900'000);
  CHECK(c.stats().evictions == 3);
  CHECK(c.put("small", block(10)));
  CHECK(c.stats().evictions == 3);
  CHECK(c.weight() == 900'010);
}

TEST_CASE("D1 with the default order") {
  auto c = larder::make_cache<std::string, bytes>(larder::max_bytes{1_MB});
  for (const char* key : {"1", "2", "3", "4", "5", "6"}) c.put(key, block(300'000));
  CHECK(keys_of(c) == names{"4", "5", "6"});
  CHECK(c.weight() == 900'000);
}

TEST_CASE("D5 lru honours access, fifo ignores it, largest_first evicts the largest") {
  const auto after_access = [](auto order) {
    auto c = larder::make_cache<std::string, std::string>(order, larder::max_entries{3});
    c.put("a", "1");
    c.put("b", "22222");
    c.put("c", "333");
    c.get("a");
    c.put("d", "4");
    return keys_of(c);
  };
  CHECK(after_access(larder::lru{}) == names{"a", "c", "d"});
  CHECK(after_access(larder::fifo{}) == names{"b", "c", "d"});
  CHECK(after_access(larder::largest_first{}) == names{"a", "c", "d"});
  auto by_size = larder::make_cache<std::string, std::string>(larder::largest_first{}, larder::max_bytes{10});
  by_size.put("small", "12");
  by_size.put("large", "123456");
  by_size.put("middle", "123");
  CHECK(keys_of(by_size) == names{"middle", "small"});
}

TEST_CASE("D5 age 86400 s on an injected time source: kept at 86400, gone at 86401") {
  larder::manual_clock now;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::expire_after_write{86400s}, larder::time_source{now});
  c.put("a", 1);
  now += 86400s;
  CHECK(c.get("a") == 1);
  now += 1s;
  CHECK_FALSE(c.get("a").has_value());
  CHECK(c.stats().expirations == 1);
}

TEST_CASE("D6 watermark 0.9, capacity 100: an insertion that reaches the limit evicts to at most 90") {
  auto entries = larder::make_cache<std::string, int>(larder::fifo{}, larder::max_entries{100}, larder::watermark{0.9});
  for (int i = 0; i < 99; ++i) entries.put(std::to_string(i), i);
  CHECK(entries.size() == 99);
  entries.put("99", 99);
  CHECK(entries.size() <= 90);
  CHECK(entries.size() >= 80);
  CHECK(entries.contains("99"));
  auto sized = larder::make_cache<std::string, std::string>(larder::fifo{}, larder::max_bytes{100}, larder::watermark{0.9});
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t before = sized.weight();
    sized.put(std::to_string(i), std::string(7, 'x'));
    if (before + 7 >= 100) CHECK(sized.weight() <= 90);
    CHECK(sized.weight() < 100);
  }
}

TEST_CASE("D7 max_entries 3 together with max_bytes, tiny values: the fourth put evicts one although bytes are far below") {
  auto c = larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_entries{3}, larder::max_bytes{1_GB});
  for (const char* key : {"1", "2", "3", "4"}) c.put(key, block(1));
  CHECK(c.size() == 3);
  CHECK(c.stats().evictions == 1);
  CHECK(keys_of(c) == names{"2", "3", "4"});
}

TEST_CASE("D13 keys a/b, ../x, empty, 5000 characters, UTF-8, with NUL: safe and distinct") {
  const names keys{"a/b", "../x", "", std::string(5000, 'k'), "größe-日本-🙂", std::string("nul\0tail", 8), std::string("nul"), std::string("nul\0", 4)};
  auto c = larder::make_cache<std::string, std::string>(larder::max_entries{100});
  for (const std::string& key : keys) CHECK(c.put(key, "value of " + key));
  for (const std::string& key : keys) CHECK(c.get(key) == "value of " + key);
  CHECK(c.size() == keys.size());
}

TEST_CASE("D14 an empty value is a value, not a miss") {
  auto c = larder::make_cache<std::string, bytes>(larder::max_bytes{10});
  CHECK(c.put("empty", bytes()));
  REQUIRE(c.get("empty").has_value());
  CHECK(c.get("empty")->empty());
  int loads = 0;
  c.get_or_load("empty", [&] {
    ++loads;
    return block(1);
  });
  CHECK(loads == 0);
  CHECK(c.size() == 1);
  CHECK(c.weight() == 0);
}

TEST_CASE("D15 sizes: 4GB, 100GB, 4 gb, 512MB, 100KiB parse; -1, abc, 4XB are errors that quote the text and name the variable") {
  CHECK(larder::parse_size("4GB") == 4_GB);
  CHECK(larder::parse_size("100GB") == 100_GB);
  CHECK(larder::parse_size("4 gb") == 4_GB);
  CHECK(larder::parse_size("512MB") == 512_MB);
  CHECK(larder::parse_size("100KiB") == 100_KiB);
  for (const std::string text : {"-1", "abc", "4XB"}) {
    std::string what;
    try {
      larder::parse_size(text, 1, "CACHE_DISK_SIZE");
    } catch (const larder::error& e) {
      what = e.what();
    }
    CHECK(what.find("\"" + text + "\"") != std::string::npos);
    CHECK(what.find("CACHE_DISK_SIZE") != std::string::npos);
  }
}

TEST_CASE("D16 3 hits of 4 gets: hit rate 0.75") {
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10});
  c.put("a", 1);
  for (const char* key : {"a", "a", "none", "a"}) c.get(key);
  CHECK(c.stats().hit_rate() == doctest::Approx(0.75));
}

TEST_CASE("D16 two threads, 100,000 operations: counters add up") {
  auto c = larder::make_cache<std::uint64_t, std::uint64_t>(larder::lru{}, larder::max_entries{500});
  constexpr std::uint64_t each = 50'000;
  std::atomic<std::uint64_t> found{0};
  std::atomic<std::uint64_t> looked{0};
  std::atomic<std::uint64_t> stored{0};
  const auto work = [&](std::uint64_t seed) {
    std::uint64_t state = seed;
    for (std::uint64_t i = 0; i < each; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      const std::uint64_t key = (state >> 33) % 1000;
      if (state >> 63 != 0) {
        ++looked;
        if (const auto value = c.get(key)) found += *value == key * 2 ? 1U : 0U;
      } else {
        stored += c.put(key, key * 2) ? 1U : 0U;
      }
    }
  };
  std::thread one(work, 1);
  std::thread two(work, 2);
  one.join();
  two.join();
  const larder::cache_stats s = c.stats();
  CHECK(s.hits == found);
  CHECK(s.hits + s.misses == looked);
  CHECK(s.insertions == stored);
  CHECK(looked + stored == 2 * each);
  CHECK(c.size() == 500);
  std::uint64_t listed = 0;
  c.for_each([&](std::uint64_t, std::uint64_t, larder::duration) { ++listed; });
  CHECK(listed == 500);
}
