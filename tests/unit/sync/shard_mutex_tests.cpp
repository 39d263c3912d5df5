// The lock of a shard: threads for the sanitizer, and every interleaving of a few that take it and give it back.

#include <larder/sync/shard_mutex.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <random>
#include <shared_mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "interleaving.hpp"

TEST_CASE("writers are alone, readers are together, and nobody sleeps for ever") {
  larder::sync::shard_mutex mutex;
  std::uint64_t guarded = 0;
  std::uint64_t twice = 0;
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint64_t> torn{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 6; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t what = random() % 8;
        if (what < 3) {
          const std::lock_guard lock(mutex);
          ++guarded;
          if (what == 0 && i % 64 == 0) std::this_thread::yield();  // so that others come while it is held
          twice += 2;
          ++written;
        } else if (what == 3) {
          const std::unique_lock lock(mutex, std::try_to_lock);
          if (!lock) continue;
          ++guarded;
          twice += 2;
          ++written;
        } else {
          const std::shared_lock lock(mutex);
          torn += twice == 2 * guarded ? 0 : 1;
        }
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(torn == 0);
  CHECK(guarded == written);
}

TEST_CASE("try_lock says no while somebody is in") {
  larder::sync::shard_mutex mutex;
  CHECK(mutex.try_lock());
  CHECK_FALSE(mutex.try_lock());
  CHECK_FALSE(mutex.try_lock_shared());
  mutex.unlock();
  CHECK(mutex.try_lock_shared());
  CHECK(mutex.try_lock_shared());
  CHECK_FALSE(mutex.try_lock());
  mutex.unlock_shared();
  CHECK_FALSE(mutex.try_lock());
  mutex.unlock_shared();
  CHECK(mutex.try_lock());
  mutex.unlock();
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

/// `writers` and `readers`, each once in and out, in every interleaving of so many interruptions: how many there are.
std::size_t every_way(std::size_t writers, std::size_t readers, std::size_t interruptions = std::numeric_limits<std::size_t>::max()) {
  using mutex_type = larder::sync::basic_shard_mutex<interleaving_tests::stepped, 1>;
  struct scene {
    mutex_type mutex;
    std::size_t writing = 0, reading = 0, done = 0;
  };
  std::optional<scene> now;
  std::size_t wrong = 0;
  const auto write = [&] {
    now->mutex.lock();
    wrong += now->writing != 0 || now->reading != 0 ? 1 : 0;
    ++now->writing;
    interleaving_tests::interleaving::step();
    --now->writing;
    now->mutex.unlock();
    ++now->done;
  };
  const auto read = [&] {
    now->mutex.lock_shared();
    wrong += now->writing != 0 ? 1 : 0;
    ++now->reading;
    interleaving_tests::interleaving::step();
    --now->reading;
    now->mutex.unlock_shared();
    ++now->done;
  };
  std::vector<std::function<void()>> work(writers, write);
  work.insert(work.end(), readers, read);
  const std::size_t ways = interleaving_tests::interleaving::explore([&] { now.emplace(); }, work, [&] {
    wrong += now->done != writers + readers ? 1 : 0;
    wrong += now->mutex.try_lock() ? 0 : 1;  // free in the end
  }, interruptions);
  CHECK(wrong == 0);
  return ways;
}

}  // namespace

TEST_CASE("in every interleaving writers are alone and all who sleep are woken") {
  CHECK(every_way(2, 0) > 50);
  CHECK(every_way(1, 1) > 50);
  CHECK(every_way(1, 2, 4) > 1000);
  CHECK(every_way(2, 1, 4) > 1000);
  CHECK(every_way(2, 2, 3) > 1000);
}

#endif
