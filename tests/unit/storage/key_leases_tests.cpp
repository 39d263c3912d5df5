#include <larder/storage/key_leases.hpp>

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/expiry/refresh_after_write.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/sync/unsynchronized.hpp>

#include "../sync/in_time.hpp"
#include "store_driver.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/sanitizers.hpp"

using namespace store_driver;
using larder::digest;
using larder::storage::key_leases;
using larder::storage::lease_table;

namespace {

constexpr digest one{1, 2};
constexpr digest two{2, 4};

bool holds(const key_leases::lease& lease) { return lease.to_store() != nullptr; }

auto open(const fs::path& directory) {
  return larder::cache<std::string, larder::bytes, larder::lru, larder::max_bytes, larder::mmap_disk>(
      larder::lru{}, larder::max_bytes{std::uint64_t{1} << 28}, larder::mmap_disk{directory});
}
/// Whether anybody sleeps until a lease of the directory is let go of.
bool somebody_waits(const fs::path& directory) {
  const std::string table = read_file(directory / "leases");
  for (std::size_t bucket = 0; bucket < lease_table::buckets; ++bucket)
    if (table.at(bucket * lease_table::bucket_size + 8) != 0) return true;
  return false;
}
[[maybe_unused]] std::size_t open_tables() {
  std::size_t count = 0;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) count += fs::read_symlink(entry, gone).filename() == "leases" ? 1U : 0U;
  return count;
}
larder::bytes text(const std::string& content) { return larder::bytes::copy_of(content); }

}  // namespace

TEST_CASE("two caches of one directory are to each other what processes are: the key of one is busy for the other") {
  const scratch dir;
  key_leases here((dir / "leases").string(), false);
  key_leases there((dir / "leases").string(), false);
  auto mine = here.take(one);
  CHECK(holds(mine));
  CHECK_FALSE(mine.is_busy());
  CHECK_FALSE(mine.is_lost());
  auto theirs = there.take(one);
  CHECK(theirs.is_busy());
  CHECK_FALSE(holds(theirs));
  theirs.retry();
  CHECK(theirs.is_busy());

  auto moved = std::move(mine);
  CHECK(holds(moved));
  moved.release();
  theirs.retry();
  CHECK(holds(theirs));
  theirs.retry();
  CHECK(holds(theirs));
  CHECK(here.take(one).is_busy());
}

TEST_CASE("a key that this very cache loads is not waited for: its load was superseded") {
  const scratch dir;
  key_leases here((dir / "leases").string(), false);
  const auto mine = here.take(one);
  auto again = here.take(one);
  CHECK_FALSE(again.is_busy());
  CHECK_FALSE(holds(again));
  CHECK_FALSE(again.is_lost());
  again.release();
  CHECK(holds(mine));
  CHECK_FALSE(mine.is_lost());
}

TEST_CASE("a lease is lost when it is revoked, by whomever, and then it is no obstacle to anybody") {
  const scratch dir;
  key_leases here((dir / "leases").string(), false);
  key_leases there((dir / "leases").string(), false);
  auto mine = here.take(one);
  const auto other = here.take(two);
  CHECK(there.revoke(one));
  CHECK(mine.is_lost());
  CHECK_FALSE(other.is_lost());
  auto theirs = there.take(one);
  CHECK(holds(theirs));
  mine.release();
  CHECK_FALSE(theirs.is_lost());
  CHECK(here.revoke_all());
  CHECK(theirs.is_lost());
  CHECK(other.is_lost());
}

TEST_CASE("who holds a lease does not wait, nor does anybody for whom he waits") {
  const scratch dir;
  key_leases here((dir / "leases").string(), false);
  key_leases there((dir / "leases").string(), false);
  const auto theirs = there.take(two);
  std::optional<key_leases::lease> mine(here.take(one));

  std::thread([&] {  // another thread holds nothing
    auto waiting = here.take(two);
    waiting.wait();
    CHECK(waiting.is_busy());
    std::atomic<bool> hurried{false};
    std::thread hurrying([&] {
      const auto own = here.take({3, 6});
      const key_leases::haste haste(here);
      hurried = true;
      hurried.notify_one();
      waiting.wait();
    });
    hurried.wait(false);
    hurrying.join();
    CHECK_FALSE(waiting.is_busy());
    CHECK_FALSE(holds(waiting));
  }).join();

  auto waiting = here.take(two);
  CHECK(waiting.is_busy());
  waiting.wait();
  CHECK_FALSE(waiting.is_busy());
  CHECK_FALSE(holds(waiting));

  mine.reset();
  const key_leases::haste none(here);  // of a thread that holds nothing: it keeps nobody
  auto patient = here.take(two);
  patient.wait();
  CHECK(patient.is_busy());
}

TEST_CASE("the lease of a holder that is gone is taken over, but not one that is renewed") {
  const scratch dir;
  key_leases here((dir / "leases").string(), false);
  auto dead = lease_table::open((dir / "leases").string());
  REQUIRE(dead->take(one).what == lease_table::outcome::taken);
  auto waiting = here.take(one);
  waiting.wait();
  CHECK(waiting.is_busy());
  dead = nullptr;
  CHECK(larder_tests::ends_in_time([&] {
    while (waiting.is_busy()) waiting.wait();
  }));
  CHECK(holds(waiting));

  key_leases there((dir / "leases").string(), false);
  const auto held = lease_table::open((dir / "leases").string())->take(one);
  CHECK(larder_tests::ends_in_time([&] {  // the thread of `here` renews it
    const auto table = lease_table::open((dir / "leases").string());
    while (table->holds(held.lane, held.word)) std::this_thread::yield();
  }));
  CHECK(holds(waiting));
  CHECK_FALSE(waiting.is_lost());
  CHECK(there.take(one).is_busy());
}

TEST_CASE("without a table, or when it is removed, nobody waits and nobody loses a lease") {
  const scratch dir;
  key_leases nowhere((dir / "missing/leases").string(), false);
  const auto none = nowhere.take(one);
  CHECK_FALSE(none.is_busy());
  CHECK_FALSE(holds(none));
  CHECK_FALSE(nowhere.revoke(one));
  CHECK_FALSE(nowhere.revoke_all());

  key_leases here((dir / "leases").string(), true);
  key_leases there((dir / "leases").string(), true);
  auto mine = here.take(one);
  auto theirs = there.take(one);
  CHECK(theirs.is_busy());
  fs::resize_file(dir / "leases", 0);
  CHECK_FALSE(mine.is_lost());
  theirs.wait();
  CHECK_FALSE(theirs.is_busy());
  CHECK_FALSE(here.revoke(one));
  mine.release();
  auto again = here.take(one);
  CHECK(holds(again));
  CHECK(there.take(one).is_busy());
}

#if !defined(__SANITIZE_THREAD__)  // which does not let the child of a program with threads start its own
TEST_CASE("a child of fork does not hold what its parent holds, and takes leases of its own") {
  const scratch dir;
  key_leases here((dir / "leases").string(), false);
  auto mine = here.take(one);
  key_leases there((dir / "leases").string(), false);
  auto waiting = there.take(one);
  CHECK(in_child([&] {
          if (!mine.is_lost()) return 1;
          mine.release();
          waiting.retry();
          if (waiting.is_busy() || holds(waiting)) return 2;
          const auto own = here.take(two);
          if (!holds(own) || own.is_lost()) return 3;
          if (!here.take(one).is_busy()) return 4;
          if (!there.take(two).is_busy()) return 5;
          return open_tables() == 2 ? 0 : 6;  // none of its parent's, whose death the lock is to tell
        }) == 0);
  CHECK_FALSE(mine.is_lost());
  CHECK(there.take(one).is_busy());
  CHECK(in_child([&] { return 0; }) == 0);  // one that uses nothing of it
  CHECK_FALSE(mine.is_lost());
}

#endif

TEST_CASE("threads of two caches on one directory load each key once") {
  const scratch dir;
  auto first = open(dir / "cache");
  auto second = open(dir / "cache");
  std::atomic<int> loads{0};
  std::atomic<int> wrong{0};
  constexpr int keys = 100;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      auto& cache = t % 2 == 0 ? first : second;
      for (int i = 0; i < keys; ++i) {
        const std::string key = std::to_string(t < 4 ? i : keys - 1 - i);
        const larder::bytes found = cache.get_or_load(key, [&] {
          ++loads;
          return text(key + "!");
        });
        if (found.text() != key + "!") ++wrong;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(loads == keys);
}

TEST_CASE("batches, background loads and caches without synchronisation agree with others as well") {
  const scratch dir;
  auto first = open(dir / "cache");
  auto second = open(dir / "cache");
  auto alone = larder::make_cache<std::string, larder::bytes>(larder::lru{}, larder::max_bytes{std::uint64_t{1} << 28}, larder::unsynchronized{},
                                                              larder::mmap_disk{dir / "cache"});
  std::binary_semaphore begun(0);
  std::binary_semaphore go_on(0);
  auto slow = first.get_or_load_async("b", [&](const std::string&) {
    begun.release();
    go_on.acquire();
    return text("of the first");
  });
  begun.acquire();
  std::vector<std::vector<std::string>> asked;
  const auto batch = [&](const std::vector<std::string>& keys) {
    asked.push_back(keys);
    if (asked.size() == 1) go_on.release();  // this batch is not kept back by the key that the other loads
    std::vector<larder::bytes> loaded;
    for (const std::string& key : keys) loaded.push_back(text("of the second: " + key));
    return loaded;
  };
  const auto values = second.get_or_load_many(std::vector<std::string>{"a", "b", "c", "b"}, batch);
  CHECK(asked == std::vector<std::vector<std::string>>{{"a", "c"}});
  CHECK(values[0].text() == "of the second: a");
  CHECK(values[1].text() == "of the first");
  CHECK(values[2].text() == "of the second: c");
  CHECK(values[3].text() == "of the first");
  CHECK(slow.get().text() == "of the first");
  CHECK(second.stats().joined == 1);
  CHECK(second.stats().loads == 2);

  auto slower = first.get_or_load_async("d", [&](const std::string&) {
    begun.release();
    go_on.acquire();
    return text("of the first");
  });
  begun.acquire();
  std::thread waits([&] {
    while (!somebody_waits(dir / "cache")) std::this_thread::yield();
    go_on.release();
  });
  CHECK(alone.get_or_load("d", [] { return text("of the third"); }).text() == "of the first");
  waits.join();
  slower.wait();
  CHECK(alone.stats().loads == 0);
  CHECK(alone.stats().joined == 1);

  asked.clear();
  begun.try_acquire();
  auto slowest = first.get_or_load_async("f", [&](const std::string&) {
    begun.release();
    go_on.acquire();
    return text("of the first");
  });
  begun.acquire();
  const auto rest = alone.get_or_load_many(std::vector<std::string>{"f", "e", "a"}, batch);
  CHECK(asked == std::vector<std::vector<std::string>>{{"e"}});
  CHECK(rest[0].text() == "of the first");
  CHECK(rest[1].text() == "of the second: e");
  CHECK(rest[2].text() == "of the second: a");
}

TEST_CASE("one of two caches renews an entry, the other serves the old value meanwhile") {
  using namespace std::chrono_literals;
  const scratch dir;
  larder::manual_clock clock;
  const auto make = [&] {
    return larder::make_cache<std::string, larder::bytes>(larder::lru{}, larder::max_bytes{std::uint64_t{1} << 28}, larder::mmap_disk{dir / "cache"},
                                                          larder::refresh_after_write{1h}, larder::time_source{clock});
  };
  auto first = make();
  auto second = make();
  REQUIRE(first.put("a", text("old")));
  clock.advance(2h);
  struct {
    std::binary_semaphore begun{0};
    std::binary_semaphore go_on{0};
    std::atomic<int> loads{0};
  } shared;
  const auto load = [&shared](const std::string&) {
    if (++shared.loads == 1) {
      shared.begun.release();
      shared.go_on.acquire();
    }
    return text("new");
  };
  CHECK(first.get_or_load("a", load).text() == "old");
  shared.begun.acquire();
  for (int i = 0; i < 10; ++i) CHECK(second.get_or_load("a", load).text() == "old");
  CHECK(shared.loads == 1);
  shared.go_on.release();
  CHECK(larder_tests::ends_in_time([&] {
    while (second.get("a").value().text() != "new") std::this_thread::yield();
  }));
  CHECK(shared.loads == 1);
}

TEST_CASE("a renewed value whose entry another cache erased meanwhile does not bring it back") {
  using namespace std::chrono_literals;
  const scratch dir;
  larder::manual_clock clock;
  const auto make = [&] {
    return larder::make_cache<std::string, larder::bytes>(larder::lru{}, larder::max_bytes{std::uint64_t{1} << 28}, larder::mmap_disk{dir / "cache"},
                                                          larder::refresh_after_write{1h}, larder::time_source{clock});
  };
  std::binary_semaphore begun(0);
  std::binary_semaphore go_on(0);
  auto second = make();
  {
    auto first = make();
    REQUIRE(first.put("a", text("old")));
    clock.advance(2h);
    CHECK(first.get_or_load("a", [&](const std::string&) {
      begun.release();
      go_on.acquire();
      return text("new");
    }).text() == "old");
    begun.acquire();
    CHECK(second.erase("a"));
    go_on.release();
  }  // waits for the load
  CHECK_FALSE(second.contains("a"));
  CHECK(second.put("b", text("b")));
}
