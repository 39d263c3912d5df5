#include <larder/sync/worker_pool.hpp>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <semaphore>
#include <set>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using worker_pool = larder::sync::worker_pool<>;

TEST_CASE("a pool runs everything that is posted, on at most its number of threads") {
  worker_pool pool(3);
  std::atomic<int> run{0};
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  for (int i = 0; i < 500; ++i)
    pool.post([&] {
      const int now = ++at_once;
      int seen = most.load();
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      ++run;
      --at_once;
    });
  pool.drain();
  CHECK(run == 500);
  CHECK(most <= 3);
}

TEST_CASE("jobs that wait for each other get a thread each, up to the limit") {
  worker_pool pool(4);
  std::latch all(4);
  for (int i = 0; i < 4; ++i) pool.post([&] { all.arrive_and_wait(); });
  pool.drain();  // would never return with fewer threads
  CHECK(all.try_wait());
}

TEST_CASE("a job may post another; drain waits for it as well") {
  worker_pool pool(2);
  std::atomic<int> run{0};
  for (int i = 0; i < 20; ++i)
    pool.post([&] {
      ++run;
      pool.post([&] {
        ++run;
        pool.post([&] { ++run; });
      });
    });
  pool.drain();
  CHECK(run == 60);
}

TEST_CASE("what work returns or throws comes by its future, which outlives the pool") {
  std::future<int> one;
  std::future<int> thrown;
  {
    worker_pool pool(1);
    one = pool.post_promising([n = std::make_unique<int>(7)] { return ++*n; });
    thrown = pool.post_promising([]() -> int { throw 9; });
    pool.drain();
  }
  CHECK(one.get() == 8);
  CHECK_THROWS_AS(thrown.get(), int);
}

TEST_CASE("several threads post at once") {
  worker_pool pool(4);
  std::atomic<int> run{0};
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t)
    posters.emplace_back([&] {
      for (int i = 0; i < 200; ++i) pool.post([&] { ++run; });
    });
  for (std::thread& t : posters) t.join();
  pool.drain();
  CHECK(run == 800);
}

TEST_CASE("the destructor ends what runs and drops what waits, whose promises break") {
  std::atomic<bool> ended{false};
  std::future<void> broken;
  std::future<int> dropped;
  {
    std::binary_semaphore running(0);
    worker_pool pool(1);
    pool.post([&] {
      running.release();
      for (;;) {  // until the destructor has begun: then what is posted is dropped at once
        auto token = std::make_shared<int>(0);
        const std::weak_ptr<int> waiting = token;
        pool.post([token] {});
        token.reset();
        if (waiting.expired()) break;
        std::this_thread::yield();
      }
      ended = true;
    });
    running.acquire();
    auto promise = std::make_shared<std::promise<void>>();
    broken = promise->get_future();
    pool.post([promise] { promise->set_value(); });
    dropped = pool.post_promising([] { return 1; });
  }
  CHECK(ended);
  CHECK_THROWS_AS(broken.get(), std::future_error);
  CHECK_THROWS_AS(dropped.get(), std::future_error);
}

TEST_CASE("a job that posts while the pool is being destroyed disturbs nothing; what it posts is dropped") {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> run{0};
    std::future<void> late;
    {
      std::promise<void> begun;
      std::optional<worker_pool> pool(std::in_place, 8);
      std::atomic<bool> destroying{false};
      pool->post([&, p = &*pool] {
        begun.set_value();
        while (!destroying) std::this_thread::yield();
        for (int i = 0; i < 20; ++i) p->post([&] { ++run; });
      });
      begun.get_future().wait();
      destroying = true;
      pool.reset();
    }
    CHECK(run <= 20);
  }
}
