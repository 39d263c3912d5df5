// put_many on mmap_disk (storage/logged_transfers.hpp): many records in one write, each published for itself.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/observe/miss_ratio_curve.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/storage/mmap_disk.hpp>

#include "disk_cache_driver.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace larder::literals;
using namespace store_driver;
using larder::bytes;

namespace {

/// The system calls that wrote, as the kernel counts them for this process.
std::uint64_t write_calls() {
  std::ifstream in("/proc/self/io");
  std::string name;
  std::uint64_t number = 0;
  while (in >> name >> number)
    if (name == "syscw:") return number;
  return 0;
}

}  // namespace

TEST_CASE("many values of every size come back, from another cache and after another start") {
  scratch dir;
  std::vector<std::pair<std::string, bytes>> entries;
  // Around the padding, the page-aligned, those in files of their own, and more than one batch has.
  for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 4096U, 4097U, 262'143U, 262'144U, 262'145U, 1'048'575U, 1'048'576U, 2'000'001U})
    entries.emplace_back("size " + std::to_string(size), value(size, static_cast<unsigned>(size)));
  entries.emplace_back("", value(100, 3));
  entries.emplace_back(std::string(5000, 'k'), value(100, 4));
  for (unsigned i = 0; i < 300; ++i) entries.emplace_back("key " + std::to_string(i), value(i * 7, i));
  {
    auto cache = open(dir / "cache");
    auto other = open(dir / "cache");
    CHECK(cache.put_many(entries) == entries.size());
    CHECK(cache.size() == entries.size());
    for (const auto& [key, stored] : entries) {
      const std::size_t stored_size = stored.size();
      CAPTURE(stored_size);
      const auto mine = cache.get(key);
      REQUIRE(mine.has_value());
      CHECK(*mine == stored);
      CHECK(reinterpret_cast<std::uintptr_t>(mine->data()) % (stored.size() >= 262'144 ? 4096 : 64) == 0);
      CHECK(other.get(key) == stored);
    }
    CHECK(cache.errors().total() == 0);
  }
  auto again = open(dir / "cache");
  CHECK(again.size() == entries.size());
  for (const auto& [key, stored] : entries) CHECK(again.get(key) == stored);
  CHECK(again.errors().total() == 0);
}

TEST_CASE("a batch is one write") {
  scratch dir;
  auto cache = open(dir / "cache");
  cache.put("first", value(10'000));  // large enough for the room that is made with it to hold the batch, too
  std::vector<std::pair<std::string, bytes>> entries;
  for (unsigned i = 0; i < 64; ++i) entries.emplace_back("key " + std::to_string(i), value(1000 + i, i));
  const std::uint64_t before = write_calls();
  if (before == 0) {
    MESSAGE("SKIPPED: this system does not count a process's writes");
    return;
  }
  CHECK(cache.put_many(entries) == 64);
  CHECK(write_calls() - before <= 2);  // the room of one segment may end within the batch
}

TEST_CASE("of equal keys in a batch the last one stays, at another start too") {
  scratch dir;
  for (const bool closed : {true, false}) {
    std::vector<std::pair<std::string, bytes>> entries;
    for (unsigned i = 0; i < 40; ++i) entries.emplace_back("key " + std::to_string(i % 3), value(100 + i, i));
    const auto put = [&] {
      auto cache = open(dir / "cache");
      const bool stored = cache.put_many(entries) == entries.size() && cache.size() == 3;
      if (!closed) ::_exit(stored ? 0 : 1);  // without a footer: the next one reads the records themselves
      return stored ? 0 : 1;
    };
    CHECK(in_child(put) == 0);
    auto cache = open(dir / "cache");
    for (unsigned i = 37; i < 40; ++i) CHECK(cache.get("key " + std::to_string(i % 3)) == value(100 + i, i));
  }
}

TEST_CASE("a refused entry stops no other and takes its older value with it") {
  scratch dir;
  auto cache = open(dir / "cache", 4_MiB);
  cache.put("large", value(10));
  const std::vector<std::pair<std::string, bytes>> entries{{"a", value(100)}, {"large", value(5'000'000)}, {"b", value(200)}};
  CHECK(cache.put_many(entries) == 2);
  CHECK(cache.get("a") == value(100));
  CHECK(cache.get("b") == value(200));
  CHECK_FALSE(cache.get("large").has_value());
  CHECK(cache.stats().refused == 1);
}

TEST_CASE("limits hold while batches evict, and the listener is told without a lock") {
  scratch dir;
  std::map<std::string, int> left;
  larder::cache<std::string, bytes, larder::lru, larder::max_bytes, larder::mmap_disk,
                larder::removal_listener<std::function<void(const std::string&, const bytes&, larder::removal_cause)>>>* whole = nullptr;
  larder::removal_listener listener{std::function<void(const std::string&, const bytes&, larder::removal_cause)>(
      [&](const std::string& key, const bytes&, larder::removal_cause) {
        ++left[key];
        CHECK(whole->weight() <= 2_MiB);
        whole->contains(key);  // would wait for ever if the lock were held
      })};
  larder::cache<std::string, bytes, larder::lru, larder::max_bytes, larder::mmap_disk, decltype(listener)> cache{
      larder::lru{}, larder::max_bytes{2_MiB}, larder::mmap_disk{dir / "cache"}, listener};
  whole = &cache;
  std::vector<std::pair<std::string, bytes>> entries;
  for (unsigned i = 0; i < 2000; ++i) entries.emplace_back("key " + std::to_string(i), value(5000, i));
  CHECK(cache.put_many(entries) == 2000);
  CHECK(cache.weight() <= 2_MiB);
  CHECK(left.size() + cache.size() == 2000);
  for (const auto& [key, times] : left) CHECK(times == 1);
  std::uint64_t occupied = 0;
  for (const auto& file : fs::directory_iterator(dir / "cache" / "entries")) occupied += fs::file_size(file);
  CHECK(occupied <= 2_MiB + 2 * 128_KiB);
  CHECK(cache.errors().total() == 0);
}

TEST_CASE("values that are encoded and keys that are not text go in batches too") {
  scratch dir;
  auto cache = larder::make_cache<int, std::vector<double>>(larder::max_entries{1000}, larder::mmap_disk{dir / "cache"}, larder::miss_ratio_curve{});
  std::map<int, std::vector<double>> entries;
  for (int i = 0; i < 500; ++i) entries[i] = {1.0 * i, 2.0 * i};
  CHECK(cache.put_many(entries) == 500);
  for (const auto& [key, stored] : entries) CHECK(cache.get(key) == stored);
}

TEST_CASE("threads and caches that put batches of the same keys leave whole values, one for each key") {
  scratch dir;
  constexpr unsigned keys = 100;
  {
    auto a = open(dir / "cache", 64_MiB);
    auto b = open(dir / "cache", 64_MiB);
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (unsigned t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        auto& mine = t % 2 == 0 ? a : b;
        for (unsigned round = 0; round < 30; ++round) {
          std::vector<std::pair<std::string, bytes>> entries;
          for (unsigned k = 0; k < keys; ++k) entries.emplace_back("key " + std::to_string(k), value(500 + k, k * 7 + t));
          if (mine.put_many(entries) != keys) ++wrong;
          const auto found = mine.get("key " + std::to_string(round));
          bool known = false;
          for (unsigned u = 0; found && u < 4; ++u) known = known || *found == value(500 + round, round * 7 + u);
          if (!known) ++wrong;
        }
      });
    for (std::thread& each : threads) each.join();
    CHECK(wrong == 0);
    CHECK(a.errors().total() + b.errors().total() == 0);
    for (unsigned k = 0; k < keys; ++k) CHECK(a.get("key " + std::to_string(k)) == b.get("key " + std::to_string(k)));
    CHECK(a.size() == keys);
  }
  CHECK(open(dir / "cache", 64_MiB).size() == keys);
}
