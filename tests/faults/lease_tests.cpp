// Several processes that load one key: one of them loads, the others wait for the value, however long that takes, and no longer than the
// holder lives. Values tell who loaded them: the version is the number of the loader.

#include "between_processes.hpp"
#include "disk_cache.hpp"
#include "oracle.hpp"
#include "processes.hpp"

#include <larder/storage/lease_table.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <unistd.h>

using namespace faults;
using larder::storage::lease_table;

namespace {

constexpr values form{16, 100'000};

/// What the processes of a test say to each other.
struct board {
  std::array<std::atomic<int>, 8> begun;    // loads, by loader
  std::array<std::atomic<int>, 8> waiting;  // threads of a process that wait for a load of another thread or process
  std::atomic<int> go_on;                   // how many steps loaders may go
  std::atomic<int> loads;
  std::atomic<bool> forked;
};

/// Nobody waits for ever: the child's time ends first.
template <class Condition>
void until(Condition&& holds) {
  while (!holds()) ::usleep(500);
}
/// In the test itself.
template <class Condition>
bool in_time(Condition&& holds) {
  for (int i = 0; i < 120'000 && !holds(); ++i) ::usleep(500);
  return holds();
}

/// Loads the key as version `self` once the board says so.
auto loader(board& shared, unsigned key, unsigned self, int step = 1) {
  return [&shared, key, self, step] {
    ++shared.loads;
    ++shared.begun[self];
    until([&] { return shared.go_on >= step; });
    return form.make(key, self);
  };
}
larder::bytes load_at_once(board& shared, unsigned key, unsigned self) {
  ++shared.loads;
  ++shared.begun[self];
  return form.make(key, self);
}

/// What is wrong with a value, if it has not been loaded by `by`.
std::string judge(unsigned key, version_number by, const larder::bytes& found) {
  if (!form.is(key, values::claimed(found), found)) return "bytes that nobody loaded";
  const version_number claimed = values::claimed(found);
  return claimed == by ? "" : "a value of " + std::to_string(claimed) + ", not of " + std::to_string(by);
}

/// A thread that says on the board how many wait in its process.
class joined_reporter {
 public:
  template <class Cache>
  joined_reporter(board& shared, unsigned self, const Cache& cache)
      : thread_([&shared, self, &cache](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            shared.waiting[self] = static_cast<int>(cache.stats().joined);
            ::usleep(500);
          }
          shared.waiting[self] = static_cast<int>(cache.stats().joined);
        }) {}

 private:
  std::jthread thread_;
};

/// A process that asks for a key and gets what `by` loaded.
child asking(const fs::path& directory, board& shared, unsigned key, unsigned self, version_number by, std::function<larder::bytes()> load) {
  return child([=, &shared, load = std::move(load)]() -> std::string {
    disk_cache cache = open_cache(directory);
    const joined_reporter report(shared, self, cache);
    return judge(key, by, cache.get_or_load(key_text(key), load));
  });
}

/// Lets a test's own look at what is stored.
std::string stored(const fs::path& directory, unsigned key, version_number by) {
  return in_child([&]() -> std::string {
    disk_cache cache = open_cache(directory);
    const auto found = cache.get(key_text(key));
    if (!found) return by == missing ? "" : "nothing is stored";
    return by == missing ? "something is stored" : judge(key, by, *found);
  });
}

fs::path table_in(const fs::path& directory) { return directory / "leases"; }

void overwrite(const fs::path& path, const std::string& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0 || ::pwrite(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) FAIL("cannot write " << path);
  ::close(file);
}
std::string garbage(std::uint64_t seed) {
  std::string bytes(lease_table::file_size, '\0');
  for (char& c : bytes) c = static_cast<char>(scatter(seed++) >> 56);
  return bytes;
}
std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("lease: 16 threads in each of 4 processes load a key once, though that takes longer than a silent holder is waited for") {
  const scratch dir;
  const shared_page<board> shared;
  const auto load = [&](unsigned self) {
    ++shared->loads;
    // Until all wait, and then until the lease was renewed more often than within the longest silence.
    until([&] { return std::accumulate(shared->waiting.begin(), shared->waiting.end(), 0) == 63; });
    std::string before = content(table_in(dir / "cache"));
    for (int renewals = 0; renewals < 12;) {
      ::usleep(20'000);
      std::string now = content(table_in(dir / "cache"));
      if (now != before) ++renewals;
      before = std::move(now);
    }
    return form.make(1, self);
  };
  std::vector<child> processes;
  for (unsigned self = 1; self <= 4; ++self)
    processes.emplace_back([&, self]() -> std::string {
      disk_cache cache = open_cache(dir / "cache");
      const joined_reporter report(*shared, self, cache);
      std::atomic<int> wrong{0};
      std::atomic<version_number> by{0};
      std::vector<std::thread> threads;
      for (int i = 0; i < 16; ++i)
        threads.emplace_back([&] {
          const larder::bytes found = cache.get_or_load(key_text(1), [&] { return load(self); });
          if (!form.is(1, values::claimed(found), found)) ++wrong;
          by = values::claimed(found);
        });
      for (std::thread& t : threads) t.join();
      if (wrong != 0) return "bytes that nobody loaded";
      const larder::cache_stats stats = cache.stats();
      if (stats.joined != (stats.loads == 0 ? 16U : 15U)) return std::to_string(stats.joined) + " joined";
      if (!cache.contains(key_text(1))) return "it is not stored";
      return by == self || stats.loads == 0 ? "" : "it loaded a value that nobody got";
    });
  for (child& one : processes) CHECK(one.join() == "");
  CHECK(shared->loads == 1);
}

TEST_CASE("lease: a holder that is killed is followed by one of those who wait") {
  for (int round = 0; round < scaled(3); ++round) {
    const scratch dir;
    const shared_page<board> shared;
    child holder = asking(dir / "cache", *shared, 1, 1, 1, loader(*shared, 1, 1));
    REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
    std::vector<child> others;
    for (unsigned self = 2; self <= 4; ++self)
      others.emplace_back([&, self]() -> std::string {
        disk_cache cache = open_cache(dir / "cache");
        const joined_reporter report(*shared, self, cache);
        const larder::bytes found = cache.get_or_load(key_text(1), [&] { return load_at_once(*shared, 1, self); });
        const version_number by = values::claimed(found);
        return by == 1 ? "a value of the dead" : judge(1, by, found);
      });
    REQUIRE(in_time([&] { return shared->waiting[2] == 1 && shared->waiting[3] == 1 && shared->waiting[4] == 1; }));
    CHECK(shared->loads == 1);
    CHECK(holder.kill());
    for (child& one : others) CHECK(one.join() == "");
    CHECK(shared->loads == 2);
  }
}

TEST_CASE("lease: a holder that is stopped is followed, and what it brings when it goes on is not stored") {
  const scratch dir;
  const shared_page<board> shared;
  child holder = asking(dir / "cache", *shared, 1, 1, 1, loader(*shared, 1, 1));
  REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
  child other = asking(dir / "cache", *shared, 1, 2, 2, [&] { return load_at_once(*shared, 1, 2); });
  REQUIRE(in_time([&] { return shared->waiting[2] == 1; }));
  CHECK(::kill(holder.id(), SIGSTOP) == 0);
  CHECK(other.join() == "");
  shared->go_on = 1;
  CHECK(::kill(holder.id(), SIGCONT) == 0);
  CHECK(holder.join() == "");
  CHECK(shared->loads == 2);
  CHECK(stored(dir / "cache", 1, 2) == "");
}

TEST_CASE("lease: a stopped holder that goes on after the value is gone again stores nothing either") {
  const scratch dir;
  const shared_page<board> shared;
  child holder = asking(dir / "cache", *shared, 1, 1, 1, loader(*shared, 1, 1));
  REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
  child other([&]() -> std::string {
    disk_cache cache = open_cache(dir / "cache");
    const joined_reporter report(*shared, 2, cache);
    const std::string wrong = judge(1, 2, cache.get_or_load(key_text(1), [&] { return load_at_once(*shared, 1, 2); }));
    cache.erase(key_text(1));
    return wrong;
  });
  REQUIRE(in_time([&] { return shared->waiting[2] == 1; }));
  CHECK(::kill(holder.id(), SIGSTOP) == 0);
  CHECK(other.join() == "");
  shared->go_on = 1;
  CHECK(::kill(holder.id(), SIGCONT) == 0);
  CHECK(holder.join() == "");
  CHECK(stored(dir / "cache", 1, missing) == "");
}

TEST_CASE("lease: when the holder's loader throws, or its value is refused, somebody who waits loads the key himself") {
  for (const bool throws : {true, false}) {
    CAPTURE(throws);
    const scratch dir;
    const shared_page<board> shared;
    child holder([&]() -> std::string {
      disk_cache cache = open_cache(dir / "cache", 1'000'000);
      try {
        const larder::bytes found = cache.get_or_load(key_text(1), [&] {
          ++shared->begun[1];
          until([&] { return shared->go_on == 1; });
          if (throws) throw std::runtime_error("no source");
          return larder::bytes::copy_of(std::string(2'000'000, 'x'));
        });
        return !throws && found.size() == 2'000'000 ? "" : "it did not throw";
      } catch (const std::runtime_error& e) {
        return throws && e.what() == std::string("no source") ? "" : e.what();
      }
    });
    REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
    child other = asking(dir / "cache", *shared, 1, 2, 2, [&] { return load_at_once(*shared, 1, 2); });
    REQUIRE(in_time([&] { return shared->waiting[2] == 1; }));
    CHECK(shared->begun[2] == 0);
    shared->go_on = 1;
    CHECK(holder.join() == "");
    CHECK(other.join() == "");
    CHECK(stored(dir / "cache", 1, 2) == "");
  }
}

TEST_CASE("lease: a value that comes from elsewhere ends the wait, and the load that it supersedes is not stored") {
  const scratch dir;
  const shared_page<board> shared;
  child holder = asking(dir / "cache", *shared, 1, 1, 1, loader(*shared, 1, 1));
  REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
  child waiter = asking(dir / "cache", *shared, 1, 2, 3, [&] { return load_at_once(*shared, 1, 2); });
  REQUIRE(in_time([&] { return shared->waiting[2] == 1; }));
  CHECK(in_child([&] { return open_cache(dir / "cache").put(key_text(1), form.make(1, 3)) ? "" : "refused"; }) == "");
  CHECK(waiter.join() == "");  // though the holder still loads
  CHECK(asking(dir / "cache", *shared, 1, 2, 3, [&] { return load_at_once(*shared, 1, 2); }).join() == "");
  shared->go_on = 1;
  CHECK(holder.join() == "");
  CHECK(shared->loads == 1);
  CHECK(stored(dir / "cache", 1, 3) == "");
}

TEST_CASE("lease: an erase or clear of another process supersedes a load") {
  for (const bool all : {false, true}) {
    CAPTURE(all);
    const scratch dir;
    const shared_page<board> shared;
    child holder = asking(dir / "cache", *shared, 1, 1, 1, loader(*shared, 1, 1));
    REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
    CHECK(in_child([&]() -> std::string {
            disk_cache cache = open_cache(dir / "cache");
            if (all) return cache.clear(), "";
            return cache.erase(key_text(1)) ? "there was something" : "";
          }) == "");
    // Who asks now begins a load of his own.
    CHECK(asking(dir / "cache", *shared, 1, 2, 2, [&] { return load_at_once(*shared, 1, 2); }).join() == "");
    CHECK(in_child([&] { return open_cache(dir / "cache").erase(key_text(1)) ? "" : "it was not stored"; }) == "");
    shared->go_on = 1;
    CHECK(holder.join() == "");
    CHECK(stored(dir / "cache", 1, missing) == "");
  }
}

TEST_CASE("lease: who waits for another process gives up when a stop is requested") {
  const scratch dir;
  const shared_page<board> shared;
  child holder = asking(dir / "cache", *shared, 1, 1, 1, loader(*shared, 1, 1));
  REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
  CHECK(in_child([&]() -> std::string {
          disk_cache cache = open_cache(dir / "cache");
          std::stop_source source;
          std::thread stopper([&] {
            until([&] { return cache.stats().joined == 1; });
            source.request_stop();
          });
          std::string answer = "it got a value";
          try {
            cache.get_or_load(key_text(1), [&] { return load_at_once(*shared, 1, 2); }, source.get_token());
          } catch (const larder::error& e) {
            answer = e.cause() == larder::error_cause::cancelled ? "" : e.what();
          }
          stopper.join();
          return answer;
        }) == "");
  shared->go_on = 1;
  CHECK(holder.join() == "");
  CHECK(shared->loads == 1);
}

TEST_CASE("lease: a child that is forked within a load owns nothing of it") {
  const scratch dir;
  const shared_page<board> shared;
  child holder([&]() -> std::string {
    const pid_t parent = ::getpid();
    disk_cache cache = open_cache(dir / "cache");
    std::unique_ptr<child> forked;
    const larder::bytes found = cache.get_or_load(key_text(1), [&] {
      ++shared->loads;
      ++shared->begun[1];
      until([&] { return shared->go_on >= 1; });
      // It works with the cache that it inherited, and its parent's lease stays.
      forked = std::make_unique<child>([&]() -> std::string {
        std::string wrong = judge(2, 5, cache.get_or_load(key_text(2), [] { return form.make(2, 5); }));
        if (wrong.empty()) wrong = judge(3, 5, open_cache(dir / "cache").get_or_load(key_text(3), [] { return form.make(3, 5); }));
        return wrong;
      });
      const std::string wrong = forked->join();
      if (!wrong.empty()) throw std::runtime_error(wrong);
      // One that comes back from the loader: it gets its value, and stores nothing and releases nothing of its parent's.
      if (::fork() == 0) return form.make(1, 6);
      shared->forked = true;
      until([&] { return shared->go_on >= 2; });
      return form.make(1, 1);
    });
    if (::getpid() != parent) {
      ++shared->begun[6];
      ::_exit(0);
    }
    return judge(1, 1, found);
  });
  REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
  child other = asking(dir / "cache", *shared, 1, 2, 1, [&] { return load_at_once(*shared, 1, 2); });
  REQUIRE(in_time([&] { return shared->waiting[2] == 1; }));
  shared->go_on = 1;
  REQUIRE(in_time([&] { return shared->begun[6] == 1; }));
  CHECK(stored(dir / "cache", 1, missing) == "");
  shared->go_on = 2;
  CHECK(holder.join() == "");
  CHECK(other.join() == "");
  CHECK(shared->loads == 1);
}

TEST_CASE("lease: two processes that load the same keys in opposite order load each once, and end") {
  for (const bool alone : {false, true}) {
    CAPTURE(alone);
    for (int round = 0; round < scaled(3); ++round) {
      const scratch dir;
      const shared_page<board> shared;
      door start;
      constexpr unsigned keys = 300;
      std::vector<child> processes;
      for (unsigned self = 1; self <= 2; ++self)
        processes.emplace_back([&, self]() -> std::string {
          std::vector<std::string> names;
          for (unsigned i = 0; i < keys; ++i) names.push_back(key_text(self == 1 ? i : keys - 1 - i));
          const auto run = [&](auto& cache) -> std::string {
            start.wait();
            for (std::size_t from = 0; from < keys; from += 100) {
              const std::vector<std::string> some(names.begin() + static_cast<std::ptrdiff_t>(from), names.begin() + static_cast<std::ptrdiff_t>(from) + 100);
              const auto found = cache.get_or_load_many(some, [&](const std::vector<std::string>& wanted) {
                shared->loads += static_cast<int>(wanted.size());
                std::vector<larder::bytes> loaded;
                for (const std::string& name : wanted) loaded.push_back(larder::bytes::copy_of(name + "!"));
                return loaded;
              });
              for (std::size_t i = 0; i < some.size(); ++i)
                if (found[i].text() != some[i] + "!") return "a wrong value of " + some[i];
            }
            return "";
          };
          if (alone) {
            auto cache = larder::make_cache<std::string, larder::bytes>(larder::lru{}, larder::max_bytes{roomy}, larder::unsynchronized{},
                                                                        larder::mmap_disk{dir / "cache"});
            return run(cache);
          }
          disk_cache cache = open_cache(dir / "cache");
          return run(cache);
        });
      start.open();
      for (child& one : processes) CHECK(one.join() == "");
      CHECK(shared->loads == keys);
    }
  }
}

TEST_CASE("lease: loaders that ask for each other's keys in two processes do not wait in a circle") {
  const scratch dir;
  const shared_page<board> shared;
  std::vector<child> processes;
  for (unsigned self = 1; self <= 2; ++self)
    processes.emplace_back([&, self]() -> std::string {
      disk_cache cache = open_cache(dir / "cache");
      const unsigned other = 3 - self;
      const larder::bytes found = cache.get_or_load(key_text(self), [&] {
        ++shared->begun[self];
        until([&] { return shared->begun[other] == 1; });
        const larder::bytes part = cache.get_or_load(key_text(other), [&] { return form.make(other, 7); });
        if (!judge(other, 7, part).empty() && !judge(other, other, part).empty()) throw std::runtime_error("a wrong part");
        return form.make(self, self);
      });
      return judge(self, self, found);
    });
  for (child& one : processes) CHECK(one.join() == "");
}

TEST_CASE("lease: threads of two processes that wait for each other within and between them do not wait in a circle") {
  // In each process one thread loads `self` and asks for `other`, which another thread of it leads, waiting for the other process.
  const scratch dir;
  const shared_page<board> shared;
  std::vector<child> processes;
  for (unsigned self = 1; self <= 2; ++self)
    processes.emplace_back([&, self]() -> std::string {
      disk_cache cache = open_cache(dir / "cache");
      const unsigned other = 3 - self;
      std::thread leader([&] {
        until([&] { return shared->begun[1] == 1 && shared->begun[2] == 1; });
        cache.get_or_load(key_text(other), [&] { return form.make(other, 7); });
      });
      const larder::bytes found = cache.get_or_load(key_text(self), [&] {
        ++shared->begun[self];
        until([&] { return cache.stats().joined == 1; });  // the other thread waits for the other process
        cache.get_or_load(key_text(other), [&] { return form.make(other, 8); });
        return form.make(self, self);
      });
      leader.join();
      return form.is(self, values::claimed(found), found) ? "" : "a wrong value";
    });
  for (child& one : processes) CHECK(one.join() == "");
}

TEST_CASE("lease: a damaged table breaks nothing, and the next loads are agreed on again") {
  const std::uint32_t seed = suite_seed() + 900;
  for (const int how : {0, 1, 2, 3, 4}) {
    CAPTURE(how);
    CAPTURE(seed);
    const scratch dir;
    const fs::path table = table_in(dir / "cache");
    const shared_page<board> shared;
    const auto damage = [&] {
      if (how == 0) overwrite(table, garbage(seed));
      if (how == 1) overwrite(table, std::string(lease_table::file_size, '\xff'));
      if (how == 2) overwrite(table, std::string(lease_table::file_size, '\0'));
      if (how == 3) fs::remove(table);
      if (how == 4) fs::resize_file(table, 100);
    };
    const auto run = [&](unsigned key, unsigned self, const std::function<larder::bytes()>& load) {
      return child([&dir, &shared, key, self, load]() -> std::string {
        larder::mmap_disk_options options;
        options.read = larder::read_mode::copy;
        disk_cache cache = open_cache(dir / "cache", roomy, options);
        const joined_reporter report(*shared, self, cache);
        const larder::bytes found = cache.get_or_load(key_text(key), load);
        return form.is(key, values::claimed(found), found) ? "" : "a wrong value";
      });
    };
    child holder = run(1, 1, loader(*shared, 1, 1));
    REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
    child other = run(1, 2, loader(*shared, 1, 2));
    REQUIRE(in_time([&] { return shared->waiting[2] == 1; }));
    damage();
    shared->go_on = 1;
    CHECK(holder.join() == "");
    CHECK(other.join() == "");
    damage();
    shared->loads = 0;
    shared->go_on = 0;
    child next = run(2, 3, loader(*shared, 2, 3));
    REQUIRE(in_time([&] { return shared->begun[3] == 1; }));
    child waiter = run(2, 4, loader(*shared, 2, 4));
    REQUIRE(in_time([&] { return shared->waiting[4] == 1; }));
    shared->go_on = 1;
    CHECK(next.join() == "");
    CHECK(waiter.join() == "");
    CHECK(shared->loads == 1);
  }
}

TEST_CASE("lease: where there can be no table, everybody loads") {
  const scratch dir;
  const shared_page<board> shared;
  CHECK(in_child([&] { return open_cache(dir / "cache").empty() ? "" : "not empty"; }) == "");
  fs::remove(table_in(dir / "cache"));
  fs::create_directory(table_in(dir / "cache"));
  child first = asking(dir / "cache", *shared, 1, 1, 1, loader(*shared, 1, 1));
  REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
  CHECK(asking(dir / "cache", *shared, 1, 2, 2, [&] { return load_at_once(*shared, 1, 2); }).join() == "");
  shared->go_on = 1;
  CHECK(first.join() == "");
  CHECK(stored(dir / "cache", 1, 2) == "");
}

TEST_CASE("lease: a table that is full of leases is no obstacle, and those of the dead make room") {
  const scratch dir;
  const shared_page<board> shared;
  CHECK(in_child([&] { return open_cache(dir / "cache").empty() ? "" : "not empty"; }) == "");
  child crowd([&]() -> std::string {
    const auto table = lease_table::open(table_in(dir / "cache").string());
    std::size_t taken = 0;
    for (std::uint64_t i = 0; taken < lease_table::buckets * lease_table::lanes; ++i)
      if (table->take({i, scatter(i)}).what == lease_table::outcome::taken) ++taken;
    ++shared->begun[0];
    until([&] { return shared->go_on >= 2; });
    return "";
  });
  REQUIRE(in_time([&] { return shared->begun[0] == 1; }));
  child first = asking(dir / "cache", *shared, 1, 1, 1, loader(*shared, 1, 1));
  REQUIRE(in_time([&] { return shared->begun[1] == 1; }));
  CHECK(asking(dir / "cache", *shared, 1, 2, 2, [&] { return load_at_once(*shared, 1, 2); }).join() == "");
  shared->go_on = 1;
  CHECK(first.join() == "");
  CHECK(shared->loads == 2);
  CHECK(crowd.kill());
  shared->go_on = 0;
  child next = asking(dir / "cache", *shared, 2, 3, 3, loader(*shared, 2, 3));
  REQUIRE(in_time([&] { return shared->begun[3] == 1; }));
  child waiter = asking(dir / "cache", *shared, 2, 4, 3, loader(*shared, 2, 4));
  REQUIRE(in_time([&] { return shared->waiting[4] == 1; }));
  shared->go_on = 1;
  CHECK(next.join() == "");
  CHECK(waiter.join() == "");
  CHECK(shared->loads == 3);
}
