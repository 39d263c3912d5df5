// Several processes on one directory: they start at once, write and read at once, fork, and die while they hold views.

#include "between_processes.hpp"
#include "damage.hpp"
#include "disk_cache.hpp"
#include "mounts.hpp"
#include "oracle.hpp"
#include "processes.hpp"
#include "system_calls.hpp"
#include "worker.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <unistd.h>

using namespace faults;

namespace {

constexpr unsigned reader_keys = 24;
using key_versions = std::array<std::atomic<version_number>, reader_keys>;
struct progress {
  key_versions acknowledged;
  key_versions begun;
  std::atomic<std::uint64_t> hits;
};
constexpr values self_describing{16, 200'000};

/// Reads at random until the time is over and holds some values for a while: none older than what had been acknowledged
/// before it was asked for, none newer than what had been begun, none that changes while it is held.
std::string read_along(const fs::path& directory, std::uint64_t capacity, std::uint32_t seed, progress& shared,
                       std::chrono::steady_clock::time_point end) {
  disk_cache cache = open_cache(directory, capacity);
  std::mt19937 random(seed);
  struct view {
    unsigned key;
    version_number version;
    larder::bytes value;
  };
  std::deque<view> held;
  const auto release = [&]() -> std::string {
    const view oldest = std::move(held.front());
    held.pop_front();
    return self_describing.is(oldest.key, oldest.version, oldest.value) ? "" : "a value changed while it was held";
  };
  while (std::chrono::steady_clock::now() < end || shared.hits < 200) {
    const auto key = static_cast<unsigned>(random() % reader_keys);
    const version_number least = shared.acknowledged[key].load();
    const std::optional<larder::bytes> found = cache.get(key_text(key));
    const version_number most = shared.begun[key].load();
    if (!found) continue;
    const version_number version = values::claimed(*found);
    if (!self_describing.is(key, version, *found)) return "key " + std::to_string(key) + " has bytes that nobody wrote";
    if (version < least || version > most)
      return "key " + std::to_string(key) + " has version " + std::to_string(version) + ", not one of " + std::to_string(least) +
             " to " + std::to_string(most);
    ++shared.hits;
    held.push_back({key, version, *found});
    if (held.size() > 16)
      if (std::string wrong = release(); !wrong.empty()) return wrong;
  }
  while (!held.empty())
    if (std::string wrong = release(); !wrong.empty()) return wrong;
  return errors_of(cache, larder::error_cause::corruption) == 0 ? "" : "something was counted as corrupt";
}

std::size_t descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++count;
  return count;
}
std::size_t mappings_of(const fs::path& directory) {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find(directory.string()) != std::string::npos ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("fault 18: processes that start at once on an empty directory") {
  for (int round = 0; round < scaled(20); ++round) {
    CAPTURE(round);
    const scratch dir;
    door start;
    shared_page<std::atomic<int>> writers;
    std::vector<child> all;
    constexpr unsigned processes = 3;
    for (unsigned number = 0; number < processes; ++number)
      all.emplace_back([&, number]() -> std::string {
        start.wait();
        try {
          disk_cache cache = open_cache(dir / "cache");
          for (unsigned key = number; key < 30; key += processes)
            if (!cache.put(key_text(key), self_describing.make(key, 1))) return "a put was refused";
          for (unsigned key = 0; key < 30; ++key)
            if (const std::optional<larder::bytes> found = cache.get(key_text(key)); found && !self_describing.is(key, 1, *found))
              return "a wrong value";
          ++*writers;
          return errors_of(cache, larder::error_cause::corruption) == 0 ? "" : "something was counted as corrupt";
        } catch (const larder::error& e) {  // a store for one writer says so
          return std::string(e.what()).find((dir / "cache").string()) != std::string::npos
                     ? ""
                     : std::string("no path in: ") + e.what();
        }
      });
    start.open();
    for (child& one : all) CHECK(one.join() == "");
    CHECK(*writers >= 1);
    disk_cache cache = open_cache(dir / "cache");
    unsigned found = 0;
    for (unsigned key = 0; key < 30; ++key)
      if (const std::optional<larder::bytes> value = cache.get(key_text(key))) {
        CHECK(self_describing.is(key, 1, *value));
        ++found;
      }
    CHECK(found == 30 / processes * static_cast<unsigned>(writers->load()));
    CHECK(cache.size() == found);
  }
}

TEST_CASE("fault 18: writers at the same time keep to one capacity between them") {
  const std::uint32_t seed = suite_seed() + 18;
  CAPTURE(seed);
  for (int round = 0; round < scaled(5); ++round) {
    CAPTURE(round);
    const scratch dir;
    constexpr std::uint64_t capacity = 1'000'000;
    door start;
    shared_page<std::atomic<int>> writers;
    std::vector<child> all;
    for (unsigned number = 0; number < 2; ++number)
      all.emplace_back([&, number]() -> std::string {
        start.wait();
        try {
          disk_cache cache = open_cache(dir / "cache", capacity);
          std::mt19937 random(seed + number);
          for (version_number version = 1; version < 150; ++version) {
            const auto key = static_cast<unsigned>(2 * (random() % 30) + number);
            if (!cache.put(key_text(key), self_describing.make(key, version))) return "a put was refused";
            const std::optional<larder::bytes> found = cache.get(key_text(key));  // the other one may have evicted it
            if (found && !self_describing.is(key, version, *found)) return "a wrong value";
            if (cache.weight() > capacity) return "the cache holds more than it may";
          }
          ++*writers;
          return cache.stats().evictions > 0 ? "" : "nothing was evicted: the test tests nothing";
        } catch (const larder::error& e) {  // a store for one writer says so
          return std::string(e.what()).find((dir / "cache").string()) != std::string::npos
                     ? ""
                     : std::string("no path in: ") + e.what();
        }
      });
    start.open();
    for (child& one : all) CHECK(one.join() == "");
    CHECK(*writers >= 1);
    disk_cache cache = open_cache(dir / "cache");  // which has room for all that is there
    CHECK(cache.weight() <= capacity);
    CHECK(cache.weight() > capacity / 2);
  }
}

TEST_CASE("fault 19: one writer and four readers under eviction") {
  const std::uint32_t seed = suite_seed() + 19;
  CAPTURE(seed);
  const scratch dir;
  constexpr std::uint64_t capacity = 800'000;
  shared_page<progress> shared;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(is_long() ? 60 : 2);
  { disk_cache made = open_cache(dir / "cache", capacity); }
  std::vector<child> readers;
  for (unsigned number = 0; number < 4; ++number)
    readers.emplace_back([&, number] { return read_along(dir / "cache", capacity, seed + number, *shared, end); });
  child writer([&]() -> std::string {
    disk_cache cache = open_cache(dir / "cache", capacity);
    std::mt19937 random(seed);
    // On a busy machine for longer: until there was something to see.
    for (version_number version = 1; std::chrono::steady_clock::now() < end || shared->hits < 200 || cache.stats().evictions == 0;
         ++version) {
      const auto key = static_cast<unsigned>(random() % reader_keys);
      shared->begun[key] = version;
      if (random() % 8 == 0)
        cache.erase(key_text(key));
      else if (!cache.put(key_text(key), self_describing.make(key, version)))
        return "a put was refused";
      shared->acknowledged[key] = version;
      if (cache.weight() > capacity) return "the cache holds more than it may";
    }
    return {};
  });
  for (child& reader : readers) CHECK(reader.join() == "");
  CHECK(writer.join() == "");
  CHECK(shared->hits >= 200);
}

TEST_CASE("fault 4: a reader that is killed with views in its hands hinders nobody") {
  const auto story = [](const fs::path& directory, const std::function<std::uint64_t()>& room) -> std::string {
    constexpr std::uint64_t capacity = 6'000'000;
    history known(24, {150'000, 250'000});
    disk_cache cache = open_cache(directory, capacity);
    operations work(cache, known, -1, 1, 0, true);
    for (unsigned key = 0; key < known.keys(); ++key)
      if (std::string wrong = work.put(key); !wrong.empty()) return wrong;
    door hold;
    report_reader ready;
    child reader([&]() -> std::string {
      disk_cache mine = open_cache(directory, capacity);
      std::vector<larder::bytes> views;
      for (unsigned key = 0; key < work.known().keys(); ++key)
        if (std::optional<larder::bytes> found = mine.get(key_text(key))) {
          if (!found->empty() && found->data()[0] == std::byte{255}) return "touched";  // each view is read once
          views.push_back(*std::move(found));
        }
      const report line{report::flushed, static_cast<std::uint32_t>(views.size()), 0};
      if (::write(ready.writing_end(), &line, sizeof line) < 0) return "no pipe";
      hold.wait();
      return {};
    });
    ready.hang_up();
    history ignored(1, {});
    if (!ready.take(ignored, 60'000)) return "the reader did not read: " + reader.join();
    // Nothing that the reader looks at may keep the writer from writing all of it twice over.
    const std::uint64_t refused = cache.stats().refused;
    for (unsigned i = 0; i < 4 * known.keys(); ++i)
      if (std::string wrong = work.put(i % known.keys()); !wrong.empty()) return wrong;
    if (cache.stats().refused != refused) return "a reader's views made puts fail";
    const std::uint64_t with_reader = room();
    if (!reader.kill()) return "the reader was not there any more";
    for (unsigned i = 0; i < known.keys(); ++i)
      if (std::string wrong = work.put(i % known.keys()); !wrong.empty()) return wrong;
    known = work.known();
    if (std::string wrong = known.judge_all(cache, true); !wrong.empty()) return wrong;
    if (room() != 0 && room() < with_reader + 2'000'000)
      return "what the dead reader held is not free: " + std::to_string(with_reader) + " bytes before, " +
             std::to_string(room()) + " after";
    return {};
  };
  const scratch dir;
  CHECK(in_child([&] { return story(dir / "cache", [] { return std::uint64_t{0}; }); }) == "");
  if (!can_mount()) return skip("that the space comes back is seen on a file system of its own, which needs root and mounts");
  CHECK(in_child([&] {
          enter_private_mounts();
          mount_tmpfs(dir / "device", "size=64m");
          return story(dir / "device" / "cache", [&] { return free_bytes(dir / "device"); });
        }) == "");
}

TEST_CASE("fault 17: a process that dies with the directory in its hands leaves no lock") {
  const scratch dir;
  history known(6, {10, 5000});
  for (int round = 0; round < scaled(10); ++round) {
    CAPTURE(round);
    report_reader reports;
    child writer([&]() -> std::string {
      disk_cache cache = open_cache(dir / "cache");
      operations work(cache, known, reports.writing_end(), static_cast<std::uint32_t>(round));
      for (;;) work.put(static_cast<unsigned>(round) % known.keys());
    });
    reports.hang_up();
    for (int i = 0; i < 5; ++i) REQUIRE(reports.take(known, 60'000));
    // While it lives another process works too, or is told that it may not.
    CHECK(in_child([&]() -> std::string {
            try {
              disk_cache cache = open_cache(dir / "cache");
              return cache.put("another's", larder::bytes::copy_of(std::string(100, 'a'))) ? "" : "refused";
            } catch (const larder::error& e) {
              return std::string(e.what()).find((dir / "cache").string()) != std::string::npos
                         ? ""
                         : std::string("no path in: ") + e.what();
            }
          }) == "");
    CHECK(writer.kill());
    reports.drain(known);
    CHECK(in_child(
              [&]() -> std::string {
                disk_cache cache = open_cache(dir / "cache");
                return cache.put("another's", larder::bytes::copy_of(std::string(100, 'b'))) ? known.judge_all(cache) : "refused";
              },
              30) == "");
    disk_cache cache = open_cache(dir / "cache");
    REQUIRE(known.judge_all(cache) == "");
  }
}

TEST_CASE("fault 17: a process that is stopped anywhere holds nobody up") {
  const std::uint32_t seed = suite_seed() + 170;
  CAPTURE(seed);
  std::mt19937 random(seed);
  const scratch dir;
  constexpr std::uint64_t capacity = 3'000'000;
  for (int round = 0; round < scaled(25); ++round) {
    CAPTURE(round);
    report_reader reports;
    child worker([&]() -> std::string {
      disk_cache cache = open_cache(dir / "cache", capacity);
      const report line{report::flushed, 0, 0};
      if (::write(reports.writing_end(), &line, sizeof line) < 0) return "no pipe";
      for (version_number version = 1;; ++version) cache.put(key_text(version % 40), self_describing.make(version % 40, version));
    });
    reports.hang_up();
    history ignored(1, {});
    REQUIRE(reports.take(ignored, 60'000));
    const auto moment = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 20'000);
    while (std::chrono::steady_clock::now() < moment) {
    }
    REQUIRE(::kill(worker.id(), SIGSTOP) == 0);
    int status = 0;
    REQUIRE(::waitpid(worker.id(), &status, WUNTRACED) == worker.id());
    REQUIRE(WIFSTOPPED(status));
    // Others open, write, read, evict, erase and leave, in bounded time; and so again when it goes on.
    const auto others_work = [&] {
      return in_child(
          [&]() -> std::string {
            disk_cache cache = open_cache(dir / "cache", capacity);
            for (version_number version = 1; version < 120; ++version) {
              const unsigned key = 100 + version % 40;
              if (!cache.put(key_text(key), self_describing.make(key, version))) return "a put was refused";
              const std::optional<larder::bytes> found = cache.get(key_text(key));
              if (found && !self_describing.is(key, version, *found)) return "a wrong value";
              if (version % 20 == 0) cache.erase(key_text(key));
              if (cache.weight() > capacity) return "the cache holds more than it may";
            }
            cache.flush();
            return errors_of(cache, larder::error_cause::corruption) == 0 ? "" : "something was counted as corrupt";
          },
          30);
    };
    CHECK(others_work() == "");
    REQUIRE(::kill(worker.id(), SIGCONT) == 0);
    CHECK(others_work() == "");
    CHECK(worker.kill());
    disk_cache cache = open_cache(dir / "cache", capacity);
    CHECK(cache.weight() <= capacity);
    for (unsigned key = 0; key < 140; ++key)
      if (const std::optional<larder::bytes> found = cache.get(key_text(key)); found)
        CHECK(self_describing.is(key, values::claimed(*found), *found));
    CHECK(errors_of(cache, larder::error_cause::corruption) == 0);
  }
}

#if defined(__x86_64__)
TEST_CASE("fault 17: a process that is stopped at any system call while it comes in keeps nobody out") {
  if (!can_trace()) {
    MESSAGE("skipped: this machine does not let a process trace its child");
    return;
  }
  const scratch dir;
  disk_cache first = open_cache(dir / "cache");
  first.put("there", larder::bytes::copy_of(std::string("value")));
  const auto come_in_and_work = [&](const std::string& key) -> std::string {
    disk_cache cache = open_cache(dir / "cache");
    if (!cache.get("there")) return "what was there is not seen";
    if (!cache.put(key, larder::bytes::copy_of(key))) return "a put was refused";
    return cache.get(key) ? "" : "what was put is not there";
  };
  for (int n = 1;; n += 1) {
    CAPTURE(n);
    int count = 0;
    bool reached = false;
    std::string others;
    traced_child stopped([&] { return come_in_and_work("stopped"); });
    const std::string end = stopped.run([&](const system_call&) {
      if (++count != n) return verdict{};
      reached = true;
      others = in_child([&] { return come_in_and_work("other"); }, 20);  // LOCK would be waited for longer than that
      return verdict{};
    });
    CHECK(others == "");
    CHECK(end == "");
    if (!reached) break;
  }
  CHECK(first.get("other").has_value());
  CHECK(errors_of(first, larder::error_cause::corruption) == 0);
}
#endif

TEST_CASE("fault 21: children of a fork use, destroy or abandon an open cache, and the parent goes on") {
  const scratch dir;
  CHECK(in_child([&]() -> std::string {
          history known(8, {10, 100'000});
          auto cache = std::make_unique<disk_cache>(larder::lru{}, larder::max_bytes{roomy}, larder::mmap_disk{dir / "cache"});
          operations work(*cache, known, -1, 1);
          for (int round = 0; round < scaled(6); ++round) {
            for (int i = 0; i < 20; ++i)
              if (std::string wrong = work.step(); !wrong.empty()) return wrong;
            history now = work.known();
            std::string wrong = in_child([&]() -> std::string {
              if (round % 3 == 0) return now.judge_all(*cache);
              if (round % 3 == 1) {
                if (std::string bad = now.judge_all(*cache); !bad.empty()) return bad;
                // Refused or stored, but never a crash and never a harm to the parent.
                cache->put("the child's", larder::bytes::copy_of(std::string(1000, 'c')));
              }
              cache.reset();
              return {};
            });
            if (!wrong.empty()) return "in the child " + wrong;
            // What the child did to its copy has not let go of what is the parent's: a new process sees all of it.
            wrong = in_child([&]() -> std::string {
              try {
                disk_cache other = open_cache(dir / "cache");
                history theirs = now;
                return theirs.judge_all(other);
              } catch (const larder::error&) {  // one writer only, and that is the parent
                return {};
              }
            });
            if (!wrong.empty()) return "in another process " + wrong;
          }
          history now = work.known();
          return now.judge_all(*cache);
        }) == "");
}

TEST_CASE("fault 26: opening and closing leaves no descriptor, no mapping and no file behind") {
  const scratch dir;
  CHECK(in_child(
            [&]() -> std::string {
              history known(6, {10, 300'000});
              std::size_t files = 0;
              std::size_t open = 0;
              std::uint64_t bytes = 0;
              for (int round = 0; round < scaled(200); ++round) {
                {
                  disk_cache cache = open_cache(dir / "cache");
                  operations work(cache, known, -1, static_cast<std::uint32_t>(round));
                  for (int i = 0; i < 4; ++i)
                    if (std::string wrong = work.step(); !wrong.empty()) return wrong;
                  for (unsigned key = 0; key < known.keys(); ++key)
                    if (std::string wrong = work.get(key); !wrong.empty()) return wrong;
                  known = work.known();
                  if (round == 40 || round + 1 == scaled(200)) {
                    for (unsigned key = 0; key < known.keys(); ++key) cache.erase(key_text(key));
                    known = history(6, {10, 300'000});
                    cache.clear();
                  }
                }
                if (mappings_of(dir / "cache") != 0) return "mappings are left in round " + std::to_string(round);
                if (round == 40) {
                  files = files_of(dir / "cache").size();
                  open = descriptors();
                  bytes = occupied(dir / "cache");
                }
                if (round > 40 && descriptors() != open) return "descriptors are left in round " + std::to_string(round);
              }
              if (files_of(dir / "cache").size() > files)
                return std::to_string(files_of(dir / "cache").size()) + " files are left, not " + std::to_string(files);
              if (occupied(dir / "cache") > bytes + 65'536)
                return "the empty cache has grown from " + std::to_string(bytes) + " bytes";
              return {};
            },
            1200) == "");
}
