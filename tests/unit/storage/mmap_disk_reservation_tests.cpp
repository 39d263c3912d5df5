// Values that are filled in place: reserve and commit, on mmap_disk and, on the heap, elsewhere.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/storage/directory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include "disk_cache_driver.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace larder::literals;
using namespace store_driver;
using larder::bytes;

namespace {

template <class Reservation>
void fill(Reservation& room, unsigned seed = 1) {
  const std::string text = text_of(room.size(), seed);
  if (!text.empty()) std::memcpy(room.data(), text.data(), text.size());
}

/// Whether the address lies in a writable mapping of a file below the directory.
bool lies_in_writable_mapping(const void* pointer, const fs::path& directory) { return rights_in_mapping(pointer, directory) == "rw-s"; }
std::size_t values_files(const fs::path& directory) {
  std::size_t count = 0;
  for (const auto& found : fs::directory_iterator(directory / "entries")) count += found.path().extension() == ".value" ? 1 : 0;
  return count;
}

const std::vector<std::size_t> every_size{0, 1, 63, 64, 4096, 262'143, 262'144, 1'048'575, 1'048'576, 3'000'001};

}  // namespace

TEST_CASE("a value is filled where it will lie, and is there once it is committed") {
  scratch dir;
  {
    auto cache = open(dir / "cache");
    auto other = open(dir / "cache");
    for (const std::size_t size : every_size) {
      CAPTURE(size);
      const std::string key = "size " + std::to_string(size);
      auto room = cache.reserve(key, size);
      REQUIRE(room);
      CHECK(room.size() == size);
      CHECK(room.span().size() == size);
      CHECK(reinterpret_cast<std::uintptr_t>(room.data()) % (size >= 262'144 ? 4096 : 64) == 0);
      if (size != 0) CHECK(lies_in_writable_mapping(room.data(), dir.path()));
      fill(room);
      CHECK_FALSE(cache.contains(key));
      CHECK_FALSE(other.get(key).has_value());
      CHECK(cache.weight() == other.weight());
      CHECK(room.commit());
      CHECK_FALSE(room);
      CHECK(room.size() == 0);
      CHECK_FALSE(room.commit());
      CHECK(cache.get(key) == value(size));
      CHECK(other.get(key) == value(size));
    }
    CHECK(cache.errors().total() == 0);
    CHECK(cache.stats().insertions == every_size.size());
  }
  auto again = open(dir / "cache");
  CHECK(again.size() == every_size.size());
  for (const std::size_t size : every_size) CHECK(again.get("size " + std::to_string(size)) == value(size));
}

TEST_CASE("a reservation that is dropped was never there") {
  scratch dir;
  auto cache = open(dir / "cache");
  cache.put("kept", value(50));
  for (const std::size_t size : every_size) {
    auto room = cache.reserve("kept", size);
    REQUIRE(room);
    fill(room, 9);
    auto moved = std::move(room);
    CHECK_FALSE(room);  // NOLINT: what a moved-from one says is promised
    moved = {};
    CHECK_FALSE(moved);
  }
  CHECK(cache.get("kept") == value(50));
  CHECK(cache.size() == 1);
  CHECK(values_files(dir / "cache") == 0);
  CHECK(cache.stats().refused == 0);
}

TEST_CASE("a commit is a put of its moment: what came since the reservation came before it") {
  scratch dir;
  std::vector<std::string> told;
  const auto hear = [&](const std::string& key, const bytes& old, larder::removal_cause cause) {
    told.push_back(key + " " + std::to_string(old.size()) + (cause == larder::removal_cause::replaced ? " replaced" : " erased"));
  };
  for (const std::size_t size : {5000U, 2'000'000U}) {
    CAPTURE(size);
    auto cache = larder::make_cache<std::string, bytes>(larder::max_bytes{1_GiB}, larder::mmap_disk{dir / std::to_string(size).c_str()},
                                                        larder::removal_listener{hear});
    told.clear();
    auto put_before = cache.reserve("put", size);
    auto erased_before = cache.reserve("erased", size);
    auto cleared_before = cache.reserve("cleared", size);
    unsigned seed = 1;
    for (auto* room : {&put_before, &erased_before, &cleared_before}) fill(*room, seed++);
    cache.put("put", value(10));
    cache.put("erased", value(20));
    cache.erase("erased");
    CHECK(put_before.commit());
    CHECK(erased_before.commit());
    CHECK(cache.get("put") == value(size, 1));
    cache.clear();
    CHECK(cleared_before.commit());  // what it was filled into is gone; it is written anew
    CHECK(cache.get("cleared") == value(size, 3));
    CHECK(cache.size() == 1);
    CHECK(told.front() == "erased 20 erased");
    CHECK(told.at(1) == "put 10 replaced");
    CHECK(cache.errors().total() == 0);
  }
}

TEST_CASE("a reservation outlives the segment that it lies in") {
  scratch dir;
  auto cache = open(dir / "cache", 2_MiB);
  auto other = open(dir / "cache", 2_MiB);
  auto early = cache.reserve("early", 30'000);
  fill(early);
  auto sealed = cache.reserve("sealed", 100);
  fill(sealed, 2);
  for (unsigned i = 0; i < 8; ++i) other.put("key " + std::to_string(i), value(20'000, i));
  CHECK(sealed.commit());
  CHECK(cache.get("sealed") == value(100, 2));
  for (unsigned i = 0; i < 500; ++i) other.put("key " + std::to_string(i), value(20'000, i));  // drops the segment
  CHECK(early.commit());
  CHECK(other.get("early") == value(30'000));
  CHECK(cache.errors().total() + other.errors().total() == 0);
  CHECK(cache.weight() <= 2_MiB);
}

TEST_CASE("another thread may fill and commit; many reservations of many threads do not meet") {
  scratch dir;
  auto cache = open(dir / "cache");
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&cache, t] {
      for (unsigned i = 0; i < 100; ++i) {
        auto room = cache.reserve("key " + std::to_string(t) + "." + std::to_string(i), 100 + 37 * i);
        std::thread([&] {
          fill(room, t * 1000 + i);
          room.commit();
        }).join();
      }
    });
  for (std::thread& each : threads) each.join();
  for (unsigned t = 0; t < 4; ++t)
    for (unsigned i = 0; i < 100; ++i)
      CHECK(cache.get("key " + std::to_string(t) + "." + std::to_string(i)) == value(100 + 37 * i, t * 1000 + i));
}

TEST_CASE("what could not be stored is refused at once, counted, and harms nothing") {
  scratch dir;
  auto cache = open(dir / "cache", 4_MiB);
  cache.put("a", value(10));
  CHECK_FALSE(cache.reserve("a", 4_MiB + 1));
  CHECK_FALSE(cache.reserve("a", static_cast<std::size_t>(-1)));
  CHECK(cache.stats().refused == 2);
  CHECK(cache.get("a") == value(10));
  cache.set_capacity(1000);
  auto room = cache.reserve("b", 900);
  REQUIRE(room);
  fill(room);
  cache.set_capacity(100);
  CHECK_FALSE(room.commit());  // larger than the cache by now
  CHECK(cache.stats().refused == 3);
  CHECK_FALSE(cache.contains("b"));
}

TEST_CASE("equal content is stored once, whichever way it comes") {
  scratch dir;
  auto cache = open(dir / "cache");
  cache.put("put", value(2'000'000));
  auto first = cache.reserve("first", 2'000'000);
  auto second = cache.reserve("second", 2'000'000);
  CHECK(values_files(dir / "cache") == 3);
  fill(first);
  fill(second);
  CHECK(first.commit());
  CHECK(second.commit());
  CHECK(values_files(dir / "cache") == 1);
  CHECK(cache.get("first")->data() == cache.get("put")->data());
  cache.erase("put");
  cache.erase("second");
  CHECK(cache.get("first") == value(2'000'000));
}

TEST_CASE("who is killed between reserve and commit leaves nothing that anybody sees") {
  scratch dir;
  { open(dir / "cache").put("kept", value(10)); }
  const int code = in_child([&] {
    auto cache = open(dir / "cache");
    auto small = cache.reserve("kept", 5000);
    auto large = cache.reserve("large", 2'000'000);
    if (!small || !large) return 1;
    fill(small);
    fill(large);
    cache.put("after", value(20));
    ::_exit(0);  // as if killed: nothing is undone
  });
  CHECK(code == 0);
  auto cache = open(dir / "cache");
  CHECK(cache.size() == 2);
  CHECK(cache.get("kept") == value(10));
  CHECK(cache.get("after") == value(20));
  CHECK(values_files(dir / "cache") == 0);
  CHECK(cache.errors().total() == 0);
}

TEST_CASE("a child does not commit what its parent reserved, and its parent may") {
  scratch dir;
  auto cache = open(dir / "cache");
  auto small = cache.reserve("small", 100);
  auto large = cache.reserve("large", 2'000'000);
  fill(small);
  fill(large);
  CHECK(in_child([&] { return small.commit() || large.commit() ? 1 : 0; }) == 0);
  CHECK(small.commit());
  CHECK(large.commit());
  CHECK(cache.get("small") == value(100));
  CHECK(cache.get("large") == value(2'000'000));
}

TEST_CASE("read_mode::copy maps nothing to be written either") {
  scratch dir;
  auto cache = open(dir / "cache", 1_GiB, {.read = larder::read_mode::copy});
  for (const std::size_t size : every_size) {
    auto room = cache.reserve("a", size);
    REQUIRE(room);
    if (size != 0) CHECK_FALSE(lies_in_writable_mapping(room.data(), dir.path()));
    fill(room);
    CHECK(room.commit());
    CHECK(cache.get("a") == value(size));
  }
}

TEST_CASE("elsewhere the room is on the heap; in memory it becomes the value without a copy") {
  auto cache = larder::make_cache<std::string, bytes>(larder::max_bytes{1000});
  auto room = cache.reserve("a", 500);
  REQUIRE(room);
  fill(room);
  const std::byte* const data = room.data();
  CHECK_FALSE(cache.contains("a"));
  CHECK(room.commit());
  CHECK(cache.get("a") == value(500));
  CHECK(cache.get("a")->data() == data);
  CHECK_FALSE(cache.reserve("a", 1001));
  CHECK(cache.stats().refused == 1);
  auto nothing = cache.reserve("nothing", 0);
  CHECK(nothing.commit());
  CHECK(cache.get("nothing")->empty());

  scratch dir;
  auto shared = larder::make_cache<int, bytes>(larder::max_bytes{1000}, larder::directory{dir / "shared"});
  auto there = shared.reserve(7, 300);
  fill(there);
  CHECK(there.commit());
  CHECK(shared.get(7) == value(300));
  CHECK_FALSE(shared.reserve(7, 1001));
  CHECK(shared.stats().refused == 1);
}

TEST_CASE("a load that began before a commit does not store over it") {
  scratch dir;
  auto cache = open(dir / "cache");
  auto room = cache.reserve("a", 100);
  fill(room);
  const bytes loaded = cache.get_or_load("a", [&](const std::string&) {
    CHECK(room.commit());
    return value(7);
  });
  CHECK(loaded == value(7));
  CHECK(cache.get("a") == value(100));
}
