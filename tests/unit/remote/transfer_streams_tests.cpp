#include <larder/remote/transfer_streams.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using larder::remote::transfer_streams;

TEST_CASE("every piece is done once, by at most so many at a time") {
  transfer_streams streams(8);
  std::vector<std::atomic<int>> done(200);
  std::atomic<int> at_once = 0;
  std::atomic<int> most = 0;
  streams.run(done.size(), 3, {}, [&](std::size_t i, const std::stop_token&) {
    const int now = ++at_once;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    for (int n = 0; n < 20; ++n) std::this_thread::yield();  // one too many can come in between
    ++done[i];
    --at_once;
  });
  for (const auto& each : done) CHECK(each == 1);
  CHECK(most <= 3);
  streams.run(0, 3, {}, [](std::size_t, const std::stop_token&) { FAIL("there is nothing to do"); });
}

TEST_CASE("pieces run side by side") {
  transfer_streams streams(4);
  std::mutex mutex;
  std::condition_variable changed;
  int here = 0;
  streams.run(3, 3, {}, [&](std::size_t, const std::stop_token&) {  // none ends before all have begun
    std::unique_lock lock(mutex);
    ++here;
    changed.notify_all();
    changed.wait(lock, [&] { return here == 3; });
  });
  CHECK(here == 3);
}

TEST_CASE("nothing of the work is touched any more when it is over, also for who comes late") {
  transfer_streams streams(2);
  for (int round = 0; round < 20; ++round) {
    std::atomic<bool> other_began = false;
    std::atomic<int> ended = 0;
    streams.run(2, 2, {}, [&, caller = std::this_thread::get_id()](std::size_t, const std::stop_token&) {
      if (std::this_thread::get_id() == caller) {
        while (!other_began) std::this_thread::yield();
      } else {
        other_began = true;
        for (int n = 0; n < 200; ++n) std::this_thread::yield();  // the caller is done first
      }
      ++ended;
    });
    CHECK(ended == 2);
  }
}

TEST_CASE("the caller does all of it when no thread is free") {
  transfer_streams streams(1);
  std::mutex mutex;
  std::condition_variable changed;
  bool busy = false;
  bool over = false;
  std::thread holding([&] {
    streams.run(2, 2, {}, [&](std::size_t, const std::stop_token&) {
      std::unique_lock lock(mutex);
      busy = true;
      changed.notify_all();
      changed.wait(lock, [&] { return over; });
    });
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return busy; });
  }
  std::atomic<int> done = 0;
  streams.run(10, 4, {}, [&](std::size_t, const std::stop_token&) { ++done; });
  CHECK(done == 10);
  {
    const std::lock_guard lock(mutex);
    over = true;
  }
  changed.notify_all();
  holding.join();
}

TEST_CASE("the first failure stops the others and is thrown") {
  transfer_streams streams(4);
  std::atomic<int> begun = 0;
  try {
    streams.run(100, 4, {}, [&](std::size_t i, const std::stop_token& stop) {
      ++begun;
      if (i == 1) throw std::runtime_error("one");
      while (!stop.stop_requested()) std::this_thread::yield();
      throw std::runtime_error("stopped");
    });
    FAIL("nothing was thrown");
  } catch (const std::runtime_error& e) {
    CHECK(std::string(e.what()) == "one");
  }
  CHECK(begun <= 4);
}

TEST_CASE("a stop of the caller's reaches those that run, and the rest is not begun") {
  transfer_streams streams(4);
  std::stop_source stop;
  std::atomic<int> begun = 0;
  CHECK_THROWS_AS(streams.run(100, 2, stop.get_token(),
                              [&](std::size_t, const std::stop_token& mine) {
                                ++begun;
                                stop.request_stop();
                                CHECK(mine.stop_requested());
                              }),
                  larder::error);
  CHECK(begun <= 2);
}
