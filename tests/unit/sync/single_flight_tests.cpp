#include <larder/sync/single_flight.hpp>

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>

#include <atomic>
#include <barrier>
#include <chrono>
#include <exception>
#include <future>
#include <latch>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using larder::error;
using larder::error_cause;

namespace {

using flights = larder::sync::single_flight<std::string, int, std::hash<std::string>>;

/// The cause of the `larder::error` that `f` throws; nothing when it throws none.
template <class F>
std::optional<error_cause> cause_of(F&& f) {
  try {
    f();
  } catch (const error& e) {
    return e.cause();
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("64 threads on 8 keys: each is loaded once, everybody gets its value") {
  flights all;
  constexpr int threads = 64;
  std::latch joined(threads);
  std::atomic<int> led{0};
  std::atomic<int> right{0};
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&, i] {
      const std::string key = std::to_string(i % 8);
      const auto [flown, leads] = all.join_or_lead(key);
      joined.arrive_and_wait();  // nobody lands before all have asked
      int value = 0;
      if (leads) {
        ++led;
        value = 100 + i % 8;
        all.land(key, flown, value, [](int) {});
      } else {
        value = all.wait(flown);
      }
      if (value == 100 + i % 8) ++right;
    });
  for (std::thread& t : running) t.join();
  CHECK(led == 8);
  CHECK(right == threads);
  CHECK(all.idle());
}

TEST_CASE("who lands stores first; a superseded load is not stored, its waiters get its value all the same") {
  flights all;
  const auto [flown, led] = all.join_or_lead("a");
  REQUIRE(led);
  CHECK(!all.idle());
  CHECK(!all.lead("a"));

  all.supersede(std::string("a"));
  CHECK(all.idle());
  const auto [fresh, leads_again] = all.join_or_lead("a");  // who asks after the put does not get the old load
  CHECK(leads_again);
  CHECK(fresh != flown);

  int stored = 0;
  all.land("a", flown, 1, [&](int) { ++stored; });
  CHECK(stored == 0);
  CHECK(all.wait(flown) == 1);
  CHECK(!all.idle());  // the fresh load is still on its way
  all.land("a", fresh, 2, [&](int v) { stored = v; });
  CHECK(stored == 2);
  CHECK(all.wait(fresh) == 2);
  CHECK(all.idle());
}

TEST_CASE("supersede_if takes the keys that it names and no others") {
  flights all;
  std::vector<std::pair<std::string, flights::handle>> flown;
  for (const char* key : {"a1", "a2", "b1"}) flown.emplace_back(key, all.join_or_lead(key).first);
  all.supersede_if([](const std::string& key) { return key.starts_with("a"); });
  std::vector<std::string> stored;
  for (const auto& [key, flight] : flown) all.land(key, flight, 1, [&, k = key](int) { stored.push_back(k); });
  CHECK(stored == std::vector<std::string>{"b1"});
}

TEST_CASE("a put waits for a store that is just running, so that the put comes last") {
  flights all;
  const auto flown = all.join_or_lead("a").first;
  std::binary_semaphore storing(0);
  std::binary_semaphore go_on(0);
  std::vector<int> order;
  std::thread leader([&] {
    all.land("a", flown, 1, [&](int v) {
      storing.release();
      go_on.acquire();
      order.push_back(v);
    });
  });
  storing.acquire();
  std::thread putter([&] {
    all.supersede(std::string("a"));
    order.push_back(2);
  });
  go_on.release();
  leader.join();
  putter.join();
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("every write that comes while a load is being stored waits for it, not only the first") {
  flights all;
  const auto flown = all.join_or_lead("a").first;
  std::binary_semaphore storing(0);
  std::binary_semaphore go_on(0);
  std::atomic<int> over{0};
  std::thread leader([&] {
    all.land("a", flown, 1, [&](int) {
      storing.release();
      go_on.acquire();
      CHECK(over == 0);
    });
  });
  storing.acquire();
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i)
    writers.emplace_back([&, i] {
      i == 0 ? all.supersede_if([](const std::string&) { return true; }) : all.supersede(std::string("a"));
      ++over;
    });
  bool waiting = true;
  for (int i = 0; i < 1000; ++i) {  // that they wait for ever cannot be seen, but none may go on now
    waiting = waiting && over == 0;
    std::this_thread::yield();
  }
  CHECK(waiting);
  go_on.release();
  leader.join();
  for (std::thread& t : writers) t.join();
  CHECK(over == 3);
  CHECK(all.idle());
}

TEST_CASE("a store that writes its own key waits for nobody and takes back what it stored") {
  const auto landing = [](auto&& inside, bool taken_back) {
    flights all;
    const auto flown = all.join_or_lead("a").first;
    std::vector<std::string> done;
    all.land("a", flown, 1, [&](int) { inside(all); done.push_back("stored"); }, [&] { done.push_back("taken back"); });
    CHECK(done == (taken_back ? std::vector<std::string>{"stored", "taken back"} : std::vector<std::string>{"stored"}));
    CHECK(all.wait(flown) == 1);
    CHECK(all.idle());
    CHECK(all.join_or_lead("a").second);
  };
  landing([](flights& all) { all.supersede(std::string("a")); }, true);
  landing([](flights& all) { all.supersede_if([](const std::string&) { return true; }); }, true);
  landing([](flights& all) { all.supersede(std::string("b")); }, false);
  landing([](flights& all) { CHECK(cause_of([&] { all.wait(all.join_or_lead("a").first); }) == error_cause::reentrant); }, false);
  landing([](flights& all) { CHECK(all.lead("a") == nullptr); }, false);
}

TEST_CASE("what a store throws costs nobody the value, and what it wrote is taken back all the same") {
  flights all;
  const auto flown = all.join_or_lead("a").first;
  bool taken_back = false;
  all.land(
      "a", flown, 1,
      [&](int) {
        all.supersede(std::string("a"));
        throw std::runtime_error("no room");
      },
      [&] { taken_back = true; });
  CHECK(taken_back);
  CHECK(all.wait(flown) == 1);
  CHECK(all.idle());
}

TEST_CASE("who waits for a load that has just landed is in no circle") {
  // One thread's load of "b" asks for "a"; the other lands "a" and asks for "b" at once, before the first has woken up.
  for (int round = 0; round < 500; ++round) {
    flights all;
    std::barrier begun(2);
    std::thread other([&] {
      const auto b = all.join_or_lead("b").first;
      begun.arrive_and_wait();
      const auto a = all.join_or_lead("a").first;
      begun.arrive_and_wait();
      const int value = all.wait(a);
      all.land("b", b, value + 1, [](int) {});
    });
    const auto a = all.join_or_lead("a").first;
    begun.arrive_and_wait();
    const auto b = all.join_or_lead("b").first;
    begun.arrive_and_wait();
    for (int i = 0; i < 20; ++i) std::this_thread::yield();  // the other thread begins to wait
    all.land("a", a, 1, [](int) {});
    const std::optional<error_cause> refused = cause_of([&] { CHECK(all.wait(b) == 2); });
    other.join();
    REQUIRE(refused == std::nullopt);
  }
}

TEST_CASE("the loader's exception reaches every waiter, and the next one loads again") {
  flights all;
  constexpr int threads = 16;
  const auto flown = all.join_or_lead("a").first;
  std::latch joined(threads + 1);
  std::atomic<int> got{0};
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&] {
      const auto [mine, led] = all.join_or_lead("a");
      joined.arrive_and_wait();
      try {
        if (!led) all.wait(mine);
      } catch (const std::runtime_error& e) {
        if (e.what() == std::string("no such layer")) ++got;
      }
    });
  joined.arrive_and_wait();
  all.fail("a", flown, std::make_exception_ptr(std::runtime_error("no such layer")));
  for (std::thread& t : running) t.join();
  CHECK(got == threads);
  CHECK(all.idle());
  CHECK(all.join_or_lead("a").second);
}

TEST_CASE("a waiter that is told to stop gives up; the load goes on for the others") {
  flights all;
  const auto flown = all.join_or_lead("a").first;
  std::stop_source stop;
  std::atomic<bool> cancelled{false};
  std::latch waits(1);
  std::thread waiter([&] {
    waits.count_down();
    cancelled = cause_of([&] { all.wait(flown, stop.get_token()); }) == error_cause::cancelled;
  });
  auto other = std::async(std::launch::async, [&] { return all.wait(flown); });
  waits.wait();
  stop.request_stop();
  waiter.join();
  CHECK(cancelled);
  all.land("a", flown, 5, [](int) {});
  CHECK(other.get() == 5);
  CHECK(all.wait(flown, stop.get_token()) == 5);  // what has landed needs no waiting
}

TEST_CASE("waiting for oneself is an error: directly, and through a circle of threads") {
  flights all;
  const auto flown = all.join_or_lead("a").first;
  CHECK(cause_of([&] { all.wait(flown); }) == error_cause::reentrant);
  all.land("a", flown, 1, [](int) {});

  // Each of three threads leads one key and then asks for the next one's: one of them must be refused, the others go on.
  constexpr std::size_t threads = 3;
  std::barrier begun(threads);
  std::atomic<int> refused{0};
  std::atomic<int> values{0};
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i)
    running.emplace_back([&, i] {
      const std::string mine = std::to_string(i);
      const auto led = all.join_or_lead(mine).first;
      begun.arrive_and_wait();
      const auto other = all.join_or_lead(std::to_string((i + 1) % threads)).first;
      begun.arrive_and_wait();
      try {
        values += all.wait(other);
        all.land(mine, led, 1, [](int) {});
      } catch (const error& e) {
        if (e.cause() == error_cause::reentrant) ++refused;
        all.land(mine, led, 1, [](int) {});
      }
    });
  for (std::thread& t : running) t.join();
  CHECK(refused == 1);
  CHECK(values == 2);
  CHECK(all.idle());
}

TEST_CASE("a loader that asks a cache for its own key gets an error and no deadlock") {
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10});
  CHECK(cause_of([&] { c.get_or_load("a", [&] { return c.get_or_load("a", [] { return 1; }); }); }) == error_cause::reentrant);
  CHECK(cause_of([&] {
          c.get_or_load("a", [&] { return c.get_or_load("b", [&] { return c.get_or_load("a", [] { return 1; }); }); });
        }) == error_cause::reentrant);
  CHECK(c.size() == 0);
  CHECK(c.get_or_load("a", [&] { return 1 + c.get_or_load("b", [] { return 1; }); }) == 2);
  CHECK(c.size() == 2);
}

TEST_CASE("two loaders that wait for each other's keys: an error in one, no deadlock") {
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10});
  std::barrier begun(2);
  std::atomic<int> reentrant{0};
  const auto work = [&](const char* mine, const char* other) {
    try {
      c.get_or_load(mine, [&] {
        begun.arrive_and_wait();
        return c.get_or_load(other, [] { return 7; });
      });
    } catch (const error& e) {
      if (e.cause() == error_cause::reentrant) ++reentrant;
    }
  };
  std::thread one(work, "a", "b");
  std::thread two(work, "b", "a");
  one.join();
  two.join();
  // One is refused; its exception is the other's value.
  CHECK(reentrant == 2);
  CHECK(c.get_or_load("a", [] { return 3; }) == 3);
}

TEST_CASE("who started a refresh in the background may wait for it when the old value has gone meanwhile") {
  larder::manual_clock now;
  auto c = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{1}, larder::refresh_after_write{std::chrono::seconds(1)},
                                                larder::time_source{now});
  c.put("a", 1);
  now.advance(std::chrono::seconds(2));
  std::binary_semaphore loading(0);
  std::binary_semaphore go_on(0);
  std::atomic<bool> first{true};
  const auto loader = [&](const std::string&) {
    if (first.exchange(false)) {
      loading.release();
      go_on.acquire();
      return 2;
    }
    return 3;
  };
  CHECK(c.get_or_load("a", loader) == 1);  // the old value, while one load renews it
  loading.acquire();
  c.put("b", 1);  // "a" is evicted
  std::thread helper([&] {
    // Lands once the main thread waits, or a moment before: both are right.
    while (c.stats().joined == 0) std::this_thread::yield();
    go_on.release();
  });
  CHECK(cause_of([&] { CHECK(c.get_or_load("a", loader) == 2); }) == std::nullopt);
  helper.join();
}
