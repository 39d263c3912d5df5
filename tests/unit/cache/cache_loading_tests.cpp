// get_or_load in all its forms, batches, futures, refresh, and who wins against a load.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace larder::literals;

namespace {

using numbers = larder::cache<std::string, int, larder::lru, larder::max_entries>;

/// A loader that says when it runs and returns when it may.
class gate {
 public:
  int operator()(const std::string&) {
    entered_.set_value();
    return open_.get_future().get();
  }
  void wait_until_entered() { entered_.get_future().wait(); }
  void open(int value) { open_.set_value(value); }

 private:
  std::promise<void> entered_;
  std::promise<int> open_;
};

template <class F>
larder::error_cause cause_of(F&& f) {
  try {
    f();
  } catch (const larder::error& e) {
    return e.cause();
  }
  FAIL("did not throw larder::error");
  return larder::error_cause::io;
}

}  // namespace

TEST_CASE("a miss loads once and the next is a hit") {
  numbers c{larder::max_entries{10}};
  int loads = 0;
  const auto loader = [&](const std::string& key) {
    ++loads;
    return static_cast<int>(key.size());
  };
  CHECK(c.get_or_load("abc", loader) == 3);
  CHECK(c.get_or_load("abc", loader) == 3);
  CHECK(loads == 1);
  CHECK(c.get("abc") == 3);
  const larder::cache_stats s = c.stats();
  CHECK(s.loads == 1);
  CHECK(s.hits == 2);
  CHECK(s.misses == 1);
}

TEST_CASE("a loader takes the key, the key and a stop token, or nothing") {
  numbers c{larder::max_entries{10}};
  CHECK(c.get_or_load("a", [] { return 1; }) == 1);
  CHECK(c.get_or_load("b", [](std::string_view key) { return static_cast<int>(key.size()); }) == 1);
  std::stop_source stop;
  CHECK(c.get_or_load("c", [&](const std::string&, std::stop_token token) { return token.stop_possible() ? 3 : 0; }, stop.get_token()) == 3);
  CHECK(c.get_or_load("d", [](const std::string&, const std::stop_token& token) { return token.stop_requested() ? 0 : 4; }) == 4);
  auto mutable_loader = [n = 0]() mutable { return ++n; };
  CHECK(c.get_or_load("e", mutable_loader) == 1);
  CHECK(c.get_or_load("f", mutable_loader) == 2);
}

TEST_CASE("L11 a loader throws: nothing is stored, the next call tries again, never a default-made value") {
  numbers c{larder::max_entries{10}};
  CHECK_THROWS_WITH_AS(c.get_or_load("a", [](const std::string&) -> int { throw std::runtime_error("no model"); }), "no model", std::runtime_error);
  CHECK_FALSE(c.contains("a"));
  CHECK(c.stats().load_failures == 1);
  CHECK(c.stats().loads == 0);
  CHECK(c.get_or_load("a", [] { return 5; }) == 5);
  CHECK(c.get("a") == 5);
}

TEST_CASE("a stop that was requested before: no load begins, but a hit is a hit") {
  numbers c{larder::max_entries{10}};
  std::stop_source stop;
  stop.request_stop();
  bool ran = false;
  CHECK(cause_of([&] { c.get_or_load("a", [&] { return ran = true, 1; }, stop.get_token()); }) == larder::error_cause::cancelled);
  CHECK_FALSE(ran);
  c.put("a", 2);
  CHECK(c.get_or_load("a", [] { return 3; }, stop.get_token()) == 2);
}

TEST_CASE("a waiter that is told to stop gives up; the load goes on") {
  numbers c{larder::max_entries{10}};
  gate load;
  std::thread leader([&] { CHECK(c.get_or_load("a", load) == 7); });
  load.wait_until_entered();
  std::stop_source stop;
  std::promise<larder::error_cause> outcome;
  std::thread waiter([&] { outcome.set_value(cause_of([&] { c.get_or_load("a", [] { return 0; }, stop.get_token()); })); });
  stop.request_stop();
  CHECK(outcome.get_future().get() == larder::error_cause::cancelled);
  load.open(7);
  leader.join();
  waiter.join();
  CHECK(c.get("a") == 7);
}

TEST_CASE("asking for one's own key from a loader is an error, never a deadlock") {
  numbers c{larder::max_entries{10}};
  CHECK(cause_of([&] { c.get_or_load("a", [&] { return c.get_or_load("a", [] { return 1; }); }); }) == larder::error_cause::reentrant);
  CHECK_FALSE(c.contains("a"));
  CHECK(c.get_or_load("a", [&] { return c.get_or_load("b", [] { return 1; }) + 1; }) == 2);
  CHECK(c.get("b") == 1);
  larder::cache<int, int, larder::unsynchronized, larder::max_entries> alone{larder::max_entries{10}};
  CHECK(cause_of([&] { alone.get_or_load(1, [&] { return alone.get_or_load(1, [] { return 1; }); }); }) == larder::error_cause::reentrant);
}

TEST_CASE("a circle of loads over two threads is an error, never a deadlock") {
  numbers c{larder::max_entries{10}};
  std::promise<void> has_a;
  std::promise<void> has_b;
  auto a_led = has_a.get_future().share();
  auto b_led = has_b.get_future().share();
  std::atomic<int> reentrant{0};
  const auto load = [&](const char* mine, std::promise<void>& led, std::shared_future<void> other_led, const char* other) {
    try {
      c.get_or_load(mine, [&] {
        led.set_value();
        other_led.wait();
        return c.get_or_load(other, [] { return 1; });
      });
    } catch (const larder::error& e) {
      if (e.cause() == larder::error_cause::reentrant) ++reentrant;
    }
  };
  std::thread one([&] { load("a", has_a, b_led, "b"); });
  std::thread two([&] { load("b", has_b, a_led, "a"); });
  one.join();
  two.join();
  CHECK(reentrant >= 1);
  CHECK(c.get_or_load("a", [] { return 5; }) == 5);
}

TEST_CASE("L13 put, erase or clear of the key during a load wins: its waiters get the loaded value, it is not stored") {
  const auto during_load = [](auto&& meanwhile, auto&& afterwards) {
    numbers c{larder::max_entries{10}};
    gate load;
    std::thread leader([&] { CHECK(c.get_or_load("a", load) == 7); });
    load.wait_until_entered();
    meanwhile(c);
    load.open(7);
    leader.join();
    afterwards(c);
  };
  const auto absent = [](numbers& c) { CHECK_FALSE(c.contains("a")); };
  during_load([](numbers& c) { c.put("a", 1); }, [](numbers& c) { CHECK(c.get("a") == 1); });
  during_load([](numbers& c) { CHECK(c.put_if_absent("a", 1)); }, [](numbers& c) { CHECK(c.get("a") == 1); });
  during_load([](numbers& c) { CHECK_FALSE(c.erase("a")); }, absent);
  during_load([](numbers& c) { c.clear(); }, absent);
  during_load([](numbers& c) { c.erase_prefix("a"); }, absent);
  during_load([](numbers& c) { c.erase_if([](const std::string& key) { return key == "a"; }); }, absent);
  during_load([](numbers& c) { c.erase("other"); c.erase_prefix("b"); }, [](numbers& c) { CHECK(c.get("a") == 7); });
}

TEST_CASE("whoever asks after an erase loads anew, while the old load still runs") {
  numbers c{larder::max_entries{10}};
  gate old_load;
  std::thread leader([&] { CHECK(c.get_or_load("a", old_load) == 1); });
  old_load.wait_until_entered();
  c.erase("a");
  CHECK(c.get_or_load("a", [] { return 2; }) == 2);
  old_load.open(1);
  leader.join();
  CHECK(c.get("a") == 2);
}

TEST_CASE("get_or_load_many loads what is missing in one batch, in the order of the keys") {
  numbers c{larder::max_entries{10}};
  c.put("b", 20);
  std::vector<std::vector<std::string>> batches;
  const auto batch = [&](const std::vector<std::string>& keys) {
    batches.push_back(keys);
    std::vector<int> values;
    for (const std::string& key : keys) values.push_back(static_cast<int>(key.size()));
    return values;
  };
  const std::vector<std::string> keys{"aaa", "b", "cc", "aaa"};
  CHECK(c.get_or_load_many(keys, batch) == std::vector<int>{3, 20, 2, 3});
  CHECK(batches == std::vector<std::vector<std::string>>{{"aaa", "cc"}});
  CHECK(c.get("cc") == 2);
  CHECK(c.stats().loads == 2);
  CHECK(c.get_or_load_many(keys, batch) == std::vector<int>{3, 20, 2, 3});
  CHECK(batches.size() == 1);
  CHECK(c.get_or_load_many(std::vector<std::string>{}, batch).empty());
  CHECK(batches.size() == 1);
}

TEST_CASE("a batch loader that fails or miscounts: everybody gets the error, nothing is stored") {
  numbers c{larder::max_entries{10}};
  const std::vector<std::string> keys{"a", "b"};
  CHECK_THROWS_AS(c.get_or_load_many(keys, [](const std::vector<std::string>&) -> std::vector<int> { throw std::runtime_error("down"); }), std::runtime_error);
  CHECK(cause_of([&] { c.get_or_load_many(keys, [](const std::vector<std::string>&) { return std::vector<int>{1}; }); }) == larder::error_cause::load);
  CHECK(c.empty());
  CHECK(c.get_or_load("a", [] { return 1; }) == 1);
  CHECK(c.get_or_load("b", [] { return 2; }) == 2);
}

TEST_CASE("get_or_load_async brings the value, or the loader's exception") {
  numbers c{larder::max_entries{10}};
  c.put("there", 1);
  CHECK(c.get_or_load_async("there", [] { return 2; }).get() == 1);
  auto future = c.get_or_load_async("a", [](const std::string& key) { return static_cast<int>(key.size()) + 40; });
  CHECK(future.get() == 41);
  CHECK(c.get("a") == 41);
  auto failing = c.get_or_load_async("b", []() -> int { throw std::runtime_error("later"); });
  CHECK_THROWS_WITH_AS(failing.get(), "later", std::runtime_error);
  CHECK_FALSE(c.contains("b"));
}

TEST_CASE("get_or_load_async does not block its caller, and joins a load that runs") {
  numbers c{larder::max_entries{10}};
  gate load;
  std::thread leader([&] { CHECK(c.get_or_load("a", load) == 9); });
  load.wait_until_entered();
  auto future = c.get_or_load_async("a", [] { return 0; });
  CHECK(future.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  load.open(9);
  CHECK(future.get() == 9);
  leader.join();
  CHECK(c.stats().loads == 1);
}

TEST_CASE("a future outlives its cache") {
  std::future<int> future;
  {
    numbers c{larder::max_entries{10}};
    future = c.get_or_load_async("a", [] { return 3; });
    future.wait();
  }
  CHECK(future.get() == 3);
}

TEST_CASE("refresh_after_write serves the old value while one load renews it") {
  larder::manual_clock now;
  std::mutex mutex;
  std::condition_variable changed;
  int running = 0;
  bool may_return = false;
  std::vector<int> replaced;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::refresh_after_write{10s}, larder::time_source{now},
                                                larder::removal_listener{[&](const std::string&, int value, larder::removal_cause) {
                                                  const std::lock_guard lock(mutex);
                                                  replaced.push_back(value);
                                                  changed.notify_all();
                                                }});
  const auto loader = [&](const std::string&) {
    std::unique_lock lock(mutex);
    ++running;
    changed.notify_all();
    changed.wait(lock, [&] { return may_return; });
    return 2;
  };
  c.put("a", 1);
  now += 10s;
  CHECK(c.get_or_load("a", loader) == 1);
  CHECK(c.stats().loads == 0);
  now += 1s;  // at exactly the period it was still fresh
  CHECK(c.get_or_load("a", loader) == 1);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return running == 1; });
  }
  CHECK(c.get_or_load("a", loader) == 1);  // one load at a time
  CHECK(c.get("a") == 1);
  {
    std::unique_lock lock(mutex);
    may_return = true;
    changed.notify_all();
    changed.wait(lock, [&] { return !replaced.empty(); });
    CHECK(replaced == std::vector<int>{1});
    CHECK(running == 1);
  }
  CHECK(c.get("a") == 2);
  CHECK(c.get_or_load("a", loader) == 2);  // fresh again
  CHECK(c.stats().loads == 1);
}

TEST_CASE("a refresh that fails keeps the old value, is reported, and is tried again") {
  larder::manual_clock now;
  std::mutex mutex;
  std::condition_variable told;
  std::vector<std::string> heard;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::refresh_after_write{10s}, larder::time_source{now},
                                                larder::error_listener{[&](const larder::error_event& e) {
                                                  const std::lock_guard lock(mutex);
                                                  heard.push_back(std::string(to_string(e.cause)) + ": " + e.message);
                                                  told.notify_all();
                                                }});
  c.put("a", 1);
  now += 11s;
  CHECK(c.get_or_load("a", []() -> int { throw std::runtime_error("source down"); }) == 1);
  {
    std::unique_lock lock(mutex);
    told.wait(lock, [&] { return !heard.empty(); });
    CHECK(heard[0] == "load: source down");
  }
  CHECK(c.get("a") == 1);
  // The failed load is told of just before it makes way for the next, so one may have to ask more than once.
  const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  int value = 1;
  while (value == 1 && std::chrono::steady_clock::now() < limit) {
    value = c.get_or_load("a", [] { return 2; });
    std::this_thread::yield();
  }
  CHECK(value == 2);
  CHECK(c.stats().load_failures == 1);
  CHECK(c.stats().errors[larder::error_cause::load] == 1);
}

TEST_CASE("a put during a refresh wins") {
  larder::manual_clock now;
  std::promise<void> entered;
  std::promise<void> open;
  std::vector<int> replaced;
  {
    auto c = larder::make_cache<std::string, int>(
        larder::max_entries{10}, larder::refresh_after_write{10s}, larder::time_source{now},
        larder::removal_listener{[&](const std::string&, int value, larder::removal_cause) { replaced.push_back(value); }});
    c.put("a", 1);
    now += 11s;
    CHECK(c.get_or_load("a", [&entered, &open] {
      entered.set_value();
      open.get_future().wait();
      return 2;
    }) == 1);
    entered.get_future().wait();
    c.put("a", 3);
    CHECK(c.get("a") == 3);
    open.set_value();
  }  // waits for the load
  CHECK(replaced == std::vector<int>{1});
}

TEST_CASE("memoize runs a function once per arguments") {
  int runs = 0;
  auto area = larder::memoize(
      [&runs](int width, const std::string& unit) {
        ++runs;
        return std::to_string(width * width) + unit;
      },
      larder::max_entries{100});
  CHECK(area(3, "cm") == "9cm");
  CHECK(area(3, "cm") == "9cm");
  CHECK(area(3, "m") == "9m");
  CHECK(runs == 2);
  auto copy = area;  // copies share one cache
  CHECK(copy(3, "m") == "9m");
  CHECK(runs == 2);
  CHECK(area.stats().hits == 2);
  copy.clear();
  CHECK(area(3, "cm") == "9cm");
  CHECK(runs == 3);
}

TEST_CASE("memoize: what the function throws is not remembered, and the limit holds") {
  int runs = 0;
  auto f = larder::memoize(
      [&runs](int n) -> int {
        ++runs;
        if (n < 0) throw std::runtime_error("negative");
        return n;
      },
      larder::lru{}, larder::max_entries{2});
  CHECK_THROWS_AS(f(-1), std::runtime_error);
  CHECK_THROWS_AS(f(-1), std::runtime_error);
  CHECK(runs == 2);
  f(1);
  f(2);
  f(3);
  CHECK(f(1) == 1);
  CHECK(runs == 6);
  auto unlimited = larder::memoize([](int n) { return n + 1; }, larder::unbounded{});
  CHECK(unlimited(1) == 2);
}

TEST_CASE("a weigher that throws on a loaded value costs the place in the cache, not the value") {
  std::vector<larder::error_cause> causes;
  auto c = larder::make_cache<std::string, int>(
      larder::max_weight{10}, larder::weigher{[](const std::string&, int) -> int { throw std::runtime_error("no scales"); }},
      larder::error_listener{[&](const larder::error_event& e) { causes.push_back(e.cause); }});
  CHECK(c.get_or_load("k", [] { return 7; }) == 7);
  CHECK_FALSE(c.contains("k"));
  CHECK(causes == std::vector<larder::error_cause>{larder::error_cause::load});
  CHECK_THROWS_AS(c.put("k", 7), std::runtime_error);
}
