#include <larder/config/janitor.hpp>
#include <larder/core/time.hpp>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/in_child.hpp"
#include "support/refusal.hpp"
#include "support/sanitizers.hpp"

#include <atomic>
#include <chrono>
#include <latch>
#include <stop_token>

using namespace std::chrono_literals;
using larder::manual_clock;
using larder::config::janitor;

TEST_CASE("work is due once in its interval, by the clock that was given") {
  manual_clock now;
  janitor of([&] { return now.now(); }, 1ms);
  int often = 0;
  int seldom = 0;
  of.add(100s, [&](const std::stop_token&) { ++often; });
  of.add(300s, [&](const std::stop_token&) { ++seldom; });
  CHECK(of.run_due() == 0);
  now += 99s;
  CHECK(of.run_due() == 0);
  now += 1s;
  CHECK(of.run_due() == 1);
  CHECK(of.run_due() == 0);
  now += 250s;  // 350: due at 200 and 300, done once; the next time is 400
  CHECK(of.run_due() == 2);
  CHECK(often == 2);
  CHECK(seldom == 1);
  now += 50s;
  CHECK(of.run_due() == 1);
  CHECK(often == 3);
}

TEST_CASE("an interval that is not above zero is refused: its work would be due for ever") {
  manual_clock now;
  janitor of([&] { return now.now(); }, 1ms);
  for (const larder::duration interval : {larder::duration(0), larder::duration(-1s)})
    CHECK(support::says(support::refusal_of([&] { of.add(interval, [](const std::stop_token&) {}); }), "give it one above zero"));
  CHECK(of.run_due() == 0);
}

TEST_CASE("a thread does it, until it is stopped; it can be started anew, with new intervals") {
  manual_clock now;
  janitor of([&] { return now.now(); }, 1ms);
  std::atomic<int> runs{0};
  of.add(300s, [&](const std::stop_token&) { ++runs; });
  CHECK_FALSE(of.is_running());
  of.start();
  of.start();
  CHECK(of.is_running());
  now += 300s;
  CHECK(support::eventually([&] { return runs == 1; }));
  now += 300s;
  CHECK(support::eventually([&] { return runs == 2; }));
  of.stop();
  of.stop();
  CHECK_FALSE(of.is_running());
  now += 299s;
  of.start();
  now += 299s;
  CHECK(of.run_due() == 0);
  now += 1s;
  CHECK(support::eventually([&] { return runs == 3; }));
}

TEST_CASE("stop does not wait for the interval, nor for the look at the clock") {
  manual_clock now;
  janitor of([&] { return now.now(); }, 24h);
  std::atomic<int> looks{0};
  of.add(300s, [&](const std::stop_token&) { ++looks; });
  of.start();
  of.stop();  // a test that waits a day is not passed
  CHECK(looks == 0);
}

TEST_CASE("work that takes long is told to stop") {
  manual_clock now;
  janitor of([&] { return now.now(); }, 1ms);
  std::latch begun(1);
  std::atomic<bool> told{false};
  of.add(1s, [&](const std::stop_token& stop) {
    begun.count_down();
    told = support::eventually([&] { return stop.stop_requested(); });
  });
  of.start();
  now += 1s;
  begun.wait();
  of.stop();
  CHECK(told);
}

#if !defined(__SANITIZE_THREAD__)  // which lets no thread start after such a fork
TEST_CASE("after a fork the child has no thread, and can start one") {
  manual_clock now;
  janitor of([&] { return now.now(); }, 1ms);
  std::atomic<int> runs{0};
  of.add(300s, [&](const std::stop_token&) { ++runs; });
  of.start();
  support::in_child([&] {
    if (of.is_running()) return false;
    of.start();
    now += 300s;
    const bool ran = support::eventually([&] { return runs == 1; });
    of.stop();
    return ran;
  });
  CHECK(of.is_running());
}
#endif
