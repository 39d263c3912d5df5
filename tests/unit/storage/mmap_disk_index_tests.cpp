// What a cache on mmap_disk keeps of its entries in memory, and what it finds again when the directory is opened: as little as possible of
// the one, all of the other, in the order in which it was written (storage/logged_entries.hpp).

#include <larder/cache.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/largest_first.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/refresh_after_write.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/storage/logged_reader.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/sync/sharded.hpp>
#include <larder/sync/unsynchronized.hpp>

#include "store_driver.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <type_traits>

using namespace larder::literals;
using namespace store_driver;
using larder::bytes;

namespace {

template <class... Policies>
using context_of = larder::storage::engine_context<larder::mmap_disk, Policies..., larder::mmap_disk>;
template <class... Policies>
using entry_of_disk = larder::storage::table_entry<larder::storage::logged_spec<context_of<Policies...>>>;

// The low half of the digest, where the record lies, what it weighs and what the order keeps: no more, unless somebody asks for it.
constexpr std::size_t bare = 8 + 8 + 8;
static_assert(sizeof(entry_of_disk<larder::lru, larder::max_bytes>) == bare + 8);
static_assert(sizeof(entry_of_disk<larder::s3_fifo, larder::max_bytes>) == bare + 12);
static_assert(sizeof(entry_of_disk<larder::max_bytes>) == bare + 12, "the order that is not named");
static_assert(sizeof(entry_of_disk<larder::lru, larder::max_bytes, larder::expire_after_write>) == bare + 8 + 8);
static_assert(sizeof(entry_of_disk<larder::lru, larder::max_bytes, larder::refresh_after_write>) == bare + 8 + 8);
static_assert(sizeof(entry_of_disk<larder::lru, larder::max_bytes, larder::expire_after_access>) == bare + 8 + 8);
static_assert(sizeof(entry_of_disk<larder::lru, larder::max_bytes, larder::ttl>) == bare + 8 + 8);
static_assert(std::is_same_v<context_of<larder::max_bytes>::eviction, larder::s3_fifo>, "56 bytes of gdsf for each of millions are too many");
static_assert(std::is_same_v<context_of<larder::unbounded>::eviction, larder::clock>);

template <class... Policies>
auto open(const fs::path& directory, Policies... policies) {
  return larder::make_cache<std::string, bytes>(policies..., larder::mmap_disk{directory});
}
bytes value(std::size_t size, unsigned seed = 1) { return bytes::copy_of(text_of(size, seed)); }
std::string name(unsigned i) { return "key " + std::to_string(i); }

template <class Cache>
std::set<std::string> keys_of(Cache& cache) {
  std::set<std::string> keys;
  cache.for_each([&](const std::string& key, std::uint64_t, larder::duration) { keys.insert(key); });
  return keys;
}
std::set<std::string> names(unsigned from, unsigned to) {
  std::set<std::string> keys;
  for (unsigned i = from; i < to; ++i) keys.insert(name(i));
  return keys;
}

/// Two texts whose digests share the low half, under which the index knows them.
const std::string twin = "cc2282c089cc8104";
const std::string other_twin = "02fbde6201cbaf94";

}  // namespace

TEST_CASE("a million entries would take 48 bytes of memory each") {
  scratch dir;
  constexpr unsigned count = 20'000;
  const auto per_entry = [](auto& cache) {
    return static_cast<double>(cache.stats().overhead_bytes + cache.size() * (8 + sizeof(larder::mmap_disk::store::handle))) / count;
  };
  {
    auto cache = open(dir / "cache", larder::max_bytes{64_MiB});
    for (unsigned i = 0; i < count; ++i) REQUIRE(cache.put(name(i), value(64, i)));
    CHECK(per_entry(cache) < 72);  // while the index grows there are two of it
  }
  auto cache = open(dir / "cache", larder::max_bytes{64_MiB});
  REQUIRE(cache.size() == count);
  CHECK(per_entry(cache) < 48);
  for (unsigned i = 0; i < count; ++i) REQUIRE(cache.get(name(i)) == value(64, i));
  auto by_use = open(dir / "cache", larder::lru{}, larder::max_bytes{64_MiB}, larder::unsynchronized{});
  CHECK(per_entry(by_use) < 48);
}

TEST_CASE("of two keys whose digests share the low half one is a miss, and neither gets the other's bytes") {
  REQUIRE(larder::digest_of(twin).low == larder::digest_of(other_twin).low);
  REQUIRE(larder::digest_of(twin) != larder::digest_of(other_twin));
  for (const larder::read_mode read : {larder::read_mode::mapping, larder::read_mode::copy})
    for (const larder::verify verify : {larder::verify::first_read, larder::verify::always, larder::verify::never}) {
      scratch dir;
      std::vector<std::string> reported;
      const auto open_here = [&] {
        return larder::make_cache<std::string, bytes>(larder::lru{}, larder::max_bytes{64_MiB}, larder::mmap_disk{dir / "cache", {.verify = verify, .read = read}},
                                                      larder::error_listener{[&](const larder::error_event& e) { reported.push_back(e.message); }});
      };
      for (const std::size_t size : {std::size_t{100}, std::size_t{2'000'000}}) {
        CAPTURE(size);
        {
          auto cache = open_here();
          REQUIRE(cache.put(twin, value(size, 1)));
          CHECK(cache.get(twin) == value(size, 1));
          CHECK_FALSE(cache.get(other_twin).has_value());
          CHECK(cache.get(twin) == value(size, 1));  // whoever asked for the other one took nothing away
          REQUIRE(cache.put(other_twin, value(size, 2)));
          CHECK(cache.get(other_twin) == value(size, 2));
          CHECK_FALSE(cache.get(twin).has_value());
          CHECK((cache.size() == 1 && cache.weight() == size));
          cache.put("another", value(10));
        }
        {
          auto cache = open_here();
          CHECK((cache.size() == 2 && cache.weight() == size + 10));
          CHECK_FALSE(cache.get(twin).has_value());
          CHECK(cache.get(other_twin) == value(size, 2));
          CHECK(keys_of(cache) == std::set<std::string>{"another", other_twin});
          CHECK(cache.put(twin, value(size, 3)));
        }
        auto cache = open_here();
        CHECK(cache.get(twin) == value(size, 3));
        CHECK_FALSE(cache.get(other_twin).has_value());
        cache.clear();
      }
      CHECK(reported.empty());
      CHECK(fs::is_empty(dir / "cache" / "quarantine"));
    }
}

TEST_CASE("where nothing expires a look-up does not ask for the time") {
  struct counted_clock {
    mutable std::atomic<int> asked{0};
    larder::instant now() const noexcept {
      ++asked;
      return larder::instant{1h};
    }
  };
  scratch dir;
  counted_clock clock;
  auto plain = open(dir / "cache", larder::lru{}, larder::max_bytes{64_MiB}, larder::time_source{clock});
  REQUIRE(plain.put("key", value(50)));
  const int before = clock.asked;
  CHECK(plain.get("key") == value(50));
  CHECK(plain.contains("key"));
  CHECK_FALSE(plain.get("another"));
  CHECK(plain.get_range("key", 0, 10));
  CHECK(clock.asked == before);
  auto timed = open(dir / "cache", larder::lru{}, larder::max_bytes{64_MiB}, larder::ttl{}, larder::time_source{clock});
  REQUIRE(timed.put("dated", value(50), 1h));
  const int until = clock.asked;
  CHECK(plain.get("dated") == value(50));  // which has a deadline
  CHECK(clock.asked > until);
}

TEST_CASE("a time to live holds for caches whose type knows of none") {
  scratch dir;
  larder::manual_clock now;
  now.advance(1h);
  auto writer = open(dir / "cache", larder::lru{}, larder::ttl{}, larder::max_bytes{64_MiB}, larder::time_source{now});
  auto beside = open(dir / "cache", larder::lru{}, larder::max_bytes{64_MiB}, larder::time_source{now});
  for (unsigned i = 0; i < 300; ++i) {
    REQUIRE(writer.put(name(i), value(50, i), larder::duration(i % 3 == 0 ? 10s : 1h)));
    if (i % 3 == 2) REQUIRE(writer.put(name(i), value(50, i)));
  }
  REQUIRE(writer.put("large", value(2'000'000), larder::duration(10s)));
  auto later = open(dir / "cache", larder::fifo{}, larder::max_entries{1000}, larder::time_source{now});
  for (const char* key : {"key 0", "large"}) {
    CHECK(beside.contains(key));
    CHECK(later.contains(key));
  }
  CHECK(beside.get("key 0") == value(50, 0));
  now.advance(11s);
  const auto without = [&](auto& cache) {
    CHECK_FALSE(cache.contains("key 0"));
    CHECK_FALSE(cache.peek("key 3").has_value());
    CHECK_FALSE(cache.get("key 6").has_value());
    CHECK_FALSE(cache.get("large").has_value());
    CHECK(cache.get("key 1") == value(50, 1));
    CHECK(cache.get("key 2") == value(50, 2));
    const std::set<std::string> listed = keys_of(cache);
    CHECK(listed.size() == 200);
    CHECK(std::none_of(listed.begin(), listed.end(), [](const std::string& key) { return key == "large" || key == "key 9"; }));
  };
  without(later);
  without(beside);
  CHECK(beside.put_if_absent("key 9", value(10)));
  CHECK(beside.contains("key 9"));
  CHECK(later.purge_expired() > 90);
  CHECK(later.size() == 201);
  now.advance(2h);
  auto last = open(dir / "cache", larder::fifo{}, larder::max_entries{1000}, larder::time_source{now});
  CHECK(last.purge_expired() == 100);
  CHECK(last.size() == 101);
  CHECK_FALSE(last.contains("key 1"));
  CHECK(last.get("key 2") == value(50, 2));
}

TEST_CASE("who lists entries is told when they were written, before and after a restart") {
  scratch dir;
  larder::manual_clock now;
  now.advance(1h);
  const auto open_here = [&] { return open(dir / "cache", larder::lru{}, larder::max_bytes{64_MiB}, larder::time_source{now}); };
  const auto ages = [](auto& cache) {
    std::map<std::string, larder::duration> found;
    cache.for_each([&](const std::string& key, std::uint64_t, larder::duration age) { found[key] = age; });
    return found;
  };
  {
    auto cache = open_here();
    cache.put("old", value(10));
    now.advance(5s);
    cache.put("new", value(10));
    now.advance(1s);
    CHECK(ages(cache) == std::map<std::string, larder::duration>{{"old", 6s}, {"new", 1s}});
  }
  auto cache = open_here();
  CHECK(ages(cache) == std::map<std::string, larder::duration>{{"old", 6s}, {"new", 1s}});
  REQUIRE(larder::make_cache<std::string, bytes>(larder::expire_after_write{3s}, larder::max_bytes{64_MiB}, larder::time_source{now}, larder::mmap_disk{dir / "cache"}).purge_expired() == 1);
  CHECK(ages(cache) == std::map<std::string, larder::duration>{{"new", 1s}});
}

TEST_CASE("who leaves after a restart is who would have left without it") {
  // The values' sizes are all different, and in no order.
  std::vector<unsigned> sizes(300);
  for (unsigned i = 0; i < sizes.size(); ++i) sizes[i] = 50 + i;
  std::shuffle(sizes.begin(), sizes.end(), std::mt19937(5));
  const auto check = [&](auto order, const std::set<std::string>& expected) {
    scratch restarted;
    scratch kept;
    const auto fill = [&](auto& cache) {
      for (unsigned i = 0; i < 300; ++i) REQUIRE(cache.put(name(i), value(sizes[i], i)));
      for (unsigned i = 0; i < 300; i += 10) cache.put(name(i), value(sizes[i], i));  // newer now than the rest
      cache.erase(name(299));
    };
    const auto push_out = [](auto& cache) {
      for (unsigned i = 1000; i < 1101; ++i) REQUIRE(cache.put(name(i), value(1)));
    };
    auto without = open(kept / "cache", order, larder::max_entries{300}, larder::sharded<1>{});
    fill(without);
    push_out(without);
    {
      auto cache = open(restarted / "cache", order, larder::max_entries{300}, larder::sharded<1>{});
      fill(cache);
    }
    auto cache = open(restarted / "cache", order, larder::max_entries{300}, larder::sharded<1>{});
    CHECK(cache.size() == 299);
    push_out(cache);
    CHECK(keys_of(cache) == keys_of(without));
    std::set<std::string> left = keys_of(cache);
    for (unsigned i = 1000; i < 1101; ++i) left.erase(name(i));
    CHECK(left == expected);
  };
  std::set<std::string> by_time = names(0, 299);
  unsigned gone = 0;
  for (unsigned i = 0; gone < 100; ++i)
    if (i % 10 != 0) gone += static_cast<unsigned>(by_time.erase(name(i)));
  check(larder::lru{}, by_time);
  check(larder::fifo{}, by_time);
  std::set<std::string> by_size;
  std::vector<unsigned> order;
  for (unsigned i = 0; i < 299; ++i) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](unsigned a, unsigned b) { return sizes[a] < sizes[b]; });
  for (unsigned i = 0; i < 199; ++i) by_size.insert(name(order[i]));
  check(larder::largest_first{}, by_size);
}

TEST_CASE("a directory with more than the limits let in keeps what the order keeps, and the rest is gone for good") {
  scratch dir;
  {
    auto cache = open(dir / "cache", larder::fifo{}, larder::unbounded{});
    for (unsigned i = 0; i < 500; ++i) REQUIRE(cache.put(name(i), value(100, i)));
    REQUIRE(cache.put("too large for the next one", value(30'000)));
    for (unsigned i = 500; i < 600; ++i) REQUIRE(cache.put(name(i), value(100, i)));
  }
  {
    std::vector<std::string> left;
    auto cache = larder::make_cache<std::string, bytes>(
        larder::fifo{}, larder::max_bytes{20'000}, larder::max_entries{150}, larder::sharded<1>{}, larder::mmap_disk{dir / "cache"},
        larder::removal_listener{[&](const std::string& key, const bytes& had, larder::removal_cause cause) {
          CHECK(cause == larder::removal_cause::evicted);
          CHECK(had.size() == 100);
          left.push_back(key);
        }});
    CHECK(keys_of(cache) == names(450, 600));
    CHECK((cache.size() == 150 && cache.weight() == 15'000));
    REQUIRE(left.size() == 450);
    CHECK((left.front() == name(0) && left.back() == name(449)));
    CHECK(cache.get(name(450)) == value(100, 450));
    CHECK(cache.put("one more", value(100)));
    CHECK_FALSE(cache.contains(name(450)));
  }
  auto cache = open(dir / "cache", larder::fifo{}, larder::unbounded{});
  CHECK(cache.size() == 150);
  std::set<std::string> expected = names(451, 600);
  expected.insert("one more");
  CHECK(keys_of(cache) == expected);
}

TEST_CASE("many shards share what is found, and keep to the limit together") {
  scratch dir;
  {
    auto cache = open(dir / "cache", larder::lru{}, larder::unbounded{});
    for (unsigned i = 0; i < 3000; ++i) REQUIRE(cache.put(name(i), value(100, i)));
  }
  auto all = open(dir / "cache", larder::lru{}, larder::max_entries{3000}, larder::sharded<16>{});
  CHECK((all.size() == 3000 && all.weight() == 300'000));
  for (unsigned i = 0; i < 3000; ++i) REQUIRE(all.get(name(i)) == value(100, i));
  auto part = open(dir / "cache", larder::lru{}, larder::max_entries{1000}, larder::sharded<16>{});
  CHECK((part.size() == 1000 && part.weight() == 100'000));
  REQUIRE(part.put("more", value(100)));
  CHECK(part.size() == 1000);
  CHECK(part.weight() == 100 * part.size());
  std::size_t found = 0;
  for (unsigned i = 0; i < 3000; ++i) found += part.get(name(i)) == value(100, i) ? 1 : 0;
  CHECK(found + 1 == part.size());
}

TEST_CASE("a segment whose footer is damaged is read record by record") {
  for (const bool of_trailer : {false, true}) {
    scratch dir;
    {
      auto cache = open(dir / "cache", larder::lru{}, larder::max_bytes{8_MiB});
      for (unsigned i = 0; i < 2000; ++i) REQUIRE(cache.put(name(i % 1500), value(500, i)));
      for (unsigned i = 0; i < 1500; i += 7) cache.erase(name(i));
    }
    std::vector<fs::path> segments;
    for (const auto& found : fs::directory_iterator(dir / "cache" / "entries")) segments.push_back(found.path());
    REQUIRE(segments.size() > 3);
    std::sort(segments.begin(), segments.end());
    for (std::size_t s = 0; s < segments.size(); s += 2) {
      std::fstream file(segments[s], std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(-(of_trailer ? 20 : 64 + 8 * 100 + 56 * 5), std::ios::end);
      file.put('\x55');
      REQUIRE(file.good());
    }
    for (int start = 0; start < 2; ++start) {
      auto cache = open(dir / "cache", larder::lru{}, larder::max_bytes{8_MiB});
      for (unsigned i = 0; i < 1500; ++i) {
        const auto found = cache.get(name(i));
        REQUIRE(found.has_value() == (i % 7 != 0));
        if (found) REQUIRE(*found == value(500, i < 500 ? i + 1500 : i));
      }
    }
  }
}
