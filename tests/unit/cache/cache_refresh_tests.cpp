// refresh_after_write: the old value is served while one load in the background renews it.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace larder::literals;

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

namespace {
int answer(const std::string&) { return 42; }
}  // namespace

TEST_CASE("a plain function renews as well as an object does") {
  larder::manual_clock now;
  std::promise<int> replaced;
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10}, larder::refresh_after_write{10s}, larder::time_source{now},
                                                larder::removal_listener{[&](const std::string&, int value, larder::removal_cause) { replaced.set_value(value); }});
  c.put("a", 1);
  now += 11s;
  CHECK(c.get_or_load("a", answer) == 1);
  CHECK(replaced.get_future().get() == 1);
  CHECK(c.get("a") == 42);
  CHECK(c.get_or_load("b", answer) == 42);
}
