// Look-ups without a lock beside writers: threads for the thread sanitizer, and, since a sanitizer sees only what happens, every
// interleaving of the steps of a reader and a writer on one block.

#include <larder/cache.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/lirs.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/storage/block_places.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../sync/interleaving.hpp"

namespace {

/// A value that shows when it was put together from two.
struct record {
  std::uint64_t key;
  std::uint64_t serial;
  std::uint64_t sum;
  static record of(std::uint64_t key, std::uint64_t serial) { return {key, serial, key * 31 + serial * 17}; }
  bool whole(std::uint64_t k) const { return key == k && sum == key * 31 + serial * 17; }
};

/// Readers check every value; writers replace, erase, clear and overfill.
template <class Cache>
void beside_writers(Cache& cache, std::uint64_t keys) {
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<std::uint64_t> asked{0};
  std::atomic<bool> written{false};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 2; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      for (std::uint64_t i = 1; i <= 15'000; ++i) {
        const std::uint64_t key = random() % keys;
        const std::uint64_t what = random() % 100;
        if (what == 0) cache.clear();
        if (what < 20)
          cache.erase(key);
        else
          cache.put(key, record::of(key, i));
      }
      written = true;
    });
  for (unsigned seed = 2; seed < 4; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      for (std::uint64_t looked = 0; !written || looked < 10'000; ++looked) {
        const std::uint64_t key = random() % keys;
        if (const auto found = cache.get(key); found && !found->whole(key)) ++wrong;
        if (looked % 8 == 0) cache.visit(key, [&](const record& r) { wrong += r.whole(key) ? 0 : 1; });
        asked += looked % 8 == 0 ? 2 : 1;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  const larder::cache_stats stats = cache.stats();
  CHECK(stats.hits + stats.misses == asked);
}

}  // namespace

TEST_CASE("a value is never put together from two, whatever writers do") {
  using key = std::uint64_t;
  larder::cache<key, record, larder::max_entries, larder::clock, larder::sharded<1>> roomy(larder::max_entries{64});
  beside_writers(roomy, 40);
  larder::cache<key, record, larder::max_entries, larder::s3_fifo, larder::sharded<4>> tight(larder::max_entries{24});
  beside_writers(tight, 60);
  larder::cache<key, record, larder::max_entries, larder::lirs, larder::sharded<1>> told(larder::max_entries{30});
  beside_writers(told, 40);
  larder::cache<key, record, larder::max_entries, larder::lirs, larder::sharded<1>> rationed(larder::max_entries{5000});
  beside_writers(rationed, 40);
}

TEST_CASE("a key's value never goes back to an older one") {
  constexpr std::uint64_t keys = 16;
  larder::cache<std::uint64_t, record, larder::max_entries, larder::clock> cache(larder::max_entries{10'000});
  std::atomic<bool> written{false};
  std::atomic<std::uint64_t> back{0};
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= 40'000; ++i) cache.put(i % keys, record::of(i % keys, i));
    written = true;
  });
  std::vector<std::thread> readers;
  for (unsigned seed = 0; seed < 2; ++seed)
    readers.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      std::array<std::uint64_t, keys> newest{};
      while (!written) {
        const std::uint64_t key = random() % keys;
        const std::optional<record> found = cache.get(key);
        if (!found) {
          back += newest[key] != 0 ? 1 : 0;
          continue;
        }
        if (found->serial < newest[key]) ++back;
        newest[key] = found->serial;
      }
    });
  writer.join();
  for (std::thread& t : readers) t.join();
  CHECK(back == 0);
}

TEST_CASE("a thread's own writes are what it reads, and look-ups of many threads are all counted") {
  constexpr int threads = 80;  // more than have a line of counters of their own
  larder::cache<std::uint64_t, std::uint64_t, larder::max_entries, larder::clock> cache(larder::max_entries{1000});
  std::atomic<std::uint64_t> wrong{0};
  for (int round = 0; round < 2; ++round) {
    std::vector<std::thread> all;
    for (std::uint64_t t = 0; t < threads; ++t)
      all.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < 200; ++i) {
          cache.put(t, i);
          if (cache.get(t) != i) ++wrong;
        }
      });
    for (std::thread& t : all) t.join();
  }
  CHECK(wrong == 0);
  CHECK(cache.stats().hits == 2 * threads * 200);
  CHECK(cache.stats().misses == 0);
  cache.reset_stats();
  CHECK(cache.stats().hits == 0);
  CHECK(cache.get(1));
  CHECK(cache.stats().hits == 1);
}

// ------------------------------------------------------------------------------------------------- every interleaving

// Strands that change stacks are more than the sanitizers follow.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

struct stepped_spec {
  using key = std::uint64_t;
  using key_view = std::uint64_t;
  using payload = std::uint64_t;
  using eviction = larder::clock;
  static constexpr std::size_t dimensions = 1;
  static constexpr bool synchronized = true;
  static constexpr bool rehashes = true;
  static constexpr bool keeps_written = false;
  static constexpr bool keeps_accessed = false;
  static constexpr bool keeps_expires = false;
  std::uint64_t hash(std::uint64_t) const noexcept { return 0; }  // one home, one tag
};

}  // namespace

template <>
struct larder::storage::block_words<stepped_spec> {
  template <class T>
  using atomic = interleaving_tests::stepped<T>;
  static constexpr int most_tries = 2;  // what a third one does, the second has done
};

namespace {

using places_type = larder::storage::block_places<stepped_spec>;
using larder::storage::unlocked_read;
constexpr auto nothing = [](auto&) {};

/// A reader of key 1 and a writer, in every interleaving; `allowed(seen, value)` judges what the reader saw.
std::size_t every_way(const std::function<void(places_type&)>& before, const std::function<void(places_type&)>& write,
                      const std::function<bool(unlocked_read, std::uint64_t)>& allowed) {
  const stepped_spec spec;
  std::optional<places_type> places;
  unlocked_read seen{};
  std::uint64_t value = 0;
  std::size_t wrong = 0;
  const std::size_t ways = interleaving_tests::interleaving::explore(
      [&] {
        places.emplace(spec, 14);
        before(*places);
        value = 0;
      },
      {[&] {
        std::uint8_t untold = 0;
        seen = places->read(1, 0, false, untold, [](const auto&) { return false; }, [&](const auto& e) { value = e.payload; });
      },
      [&] { write(*places); }}, [&] { wrong += allowed(seen, value) ? 0U : 1U; });
  CHECK(wrong == 0);
  return ways;
}

}  // namespace

TEST_CASE("in every interleaving a reader sees the value before a replacement or the one after") {
  larder::slot s = larder::no_slot;
  const std::size_t ways = every_way([&](places_type& p) { s = p.emplace(0, 1, 10, nothing); },
                                     [&](places_type& p) { p.change(s, [](auto& e) { e.payload = 20; }); },
                                     [](unlocked_read seen, std::uint64_t value) {
                                       return seen == unlocked_read::busy || (seen == unlocked_read::hit && (value == 10 || value == 20));
                                     });
  CHECK(ways > 100);
}

TEST_CASE("in every interleaving a reader finds an entry that comes, or does not, and no other in its place") {
  const std::size_t ways = every_way(
      [](places_type&) {}, [](places_type& p) { p.emplace(0, 1, 10, nothing); },
      [](unlocked_read seen, std::uint64_t value) { return seen == unlocked_read::miss || (seen == unlocked_read::hit && value == 10); });
  CHECK(ways > 100);
}

TEST_CASE("in every interleaving a place that is used again gives no value to the key that left it") {
  larder::slot s = larder::no_slot;
  const std::size_t ways = every_way([&](places_type& p) { s = p.emplace(0, 1, 10, nothing); },
                                     [&](places_type& p) {
                                       p.erase(s, 0);
                                       p.emplace(0, 2, 20, nothing);
                                     },
                                     [](unlocked_read seen, std::uint64_t value) {
                                       return seen == unlocked_read::busy || seen == unlocked_read::miss || (seen == unlocked_read::hit && value == 10);
                                     });
  CHECK(ways > 1000);
}

TEST_CASE("in every interleaving an entry that stays is found while another of its block leaves") {
  larder::slot other = larder::no_slot;
  const std::size_t ways = every_way(
      [&](places_type& p) {
        other = p.emplace(0, 2, 20, nothing);
        for (std::uint64_t k = 3; k < 9; ++k) p.emplace(0, std::uint64_t{k}, k * 10, nothing);  // the block is full
        p.emplace(0, 1, 10, nothing);                                            // and this one is in the next
      },
      [&](places_type& p) { p.erase(other, 0); },
      [](unlocked_read seen, std::uint64_t value) { return seen == unlocked_read::hit && value == 10; });
  CHECK(ways > 50);
}

#endif
