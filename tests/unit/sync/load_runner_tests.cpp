#include <larder/sync/load_runner.hpp>
#include <larder/sync/load_refused.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using larder::sync::load_runner;

namespace {

template <bool Shared>
larder::cache_stats counted(const load_runner<Shared>& runner) {
  larder::cache_stats stats;
  runner.add_to(stats);
  return stats;
}

larder::error refusal(const auto& f) {
  try {
    f();
  } catch (const larder::error& e) {
    return e;
  }
  FAIL("nothing was thrown");
  return larder::error(larder::error_cause::io, "");
}

}  // namespace

TEST_CASE("a loader is called in whichever form it has, and gets the stop token if it takes one") {
  load_runner<false> runner;
  std::stop_source source;
  const auto nothing = [] { return 1; };
  const auto key_only = [](const std::string& key) { return static_cast<int>(key.size()); };
  const auto both = [](const std::string& key, std::stop_token stop) { return static_cast<int>(key.size()) + (stop.stop_requested() ? 100 : 0); };
  const std::string key = "four";
  CHECK(runner.one<int>(nothing, key, source.get_token()) == 1);
  CHECK(runner.one<int>(key_only, key, source.get_token()) == 4);
  CHECK(runner.one<int>(both, key, source.get_token()) == 4);
  source.request_stop();
  CHECK(runner.one<int>(both, key, source.get_token()) == 104);
  CHECK(counted(runner).loads == 4);
  CHECK(counted(runner).load_failures == 0);
}

TEST_CASE("a loader that throws is counted as a failure, not as a load, and its exception arrives") {
  load_runner<true> runner;
  const auto bad = []() -> int { throw std::out_of_range("gone"); };
  CHECK_THROWS_AS(runner.one<int>(bad, 1, {}), std::out_of_range);
  CHECK(counted(runner).loads == 0);
  CHECK(counted(runner).load_failures == 1);
  runner.reset();
  CHECK(counted(runner).load_failures == 0);
  CHECK(counted(runner).load_time == larder::duration{0});
}

TEST_CASE("a batch counts a load per key; one value too few or too many is a failure that names both numbers") {
  load_runner<false> runner;
  const auto doubled = [](const std::vector<int>& keys) {
    std::vector<int> values;
    for (const int k : keys) values.push_back(2 * k);
    return values;
  };
  CHECK(runner.batch(doubled, std::vector<int>{3, 1, 2}) == std::vector<int>{6, 2, 4});
  CHECK(counted(runner).loads == 3);
  for (const std::size_t n : {2U, 4U}) {
    const auto wrong = [n](const std::vector<int>&) { return std::vector<int>(n); };
    const larder::error e = refusal([&] { runner.batch(wrong, std::vector<int>{1, 2, 3}); });
    CHECK(e.cause() == larder::error_cause::load);
    CHECK(std::string(e.what()).find("asked for 3 values and returned " + std::to_string(n)) != std::string::npos);
  }
  CHECK(counted(runner).loads == 3);
  CHECK(counted(runner).load_failures == 2);
}

TEST_CASE("the time of loads is that of all of them, failed ones too") {
  load_runner<false> runner;
  const auto begin = std::chrono::steady_clock::now();
  const auto busy = [](int) {  // until the clock has moved by a millisecond
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return 0;
  };
  runner.one<int>(busy, 1, {});
  const auto fails = [&busy](int key) -> int {
    busy(key);
    throw std::runtime_error("no");
  };
  CHECK_THROWS_AS(runner.one<int>(fails, 1, {}), std::runtime_error);
  const auto all = std::chrono::steady_clock::now() - begin;
  CHECK(counted(runner).load_time >= std::chrono::milliseconds(2));
  CHECK(counted(runner).load_time <= all);
}

TEST_CASE("loads of several threads are all counted") {
  load_runner<true> runner;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      const auto loader = [](int key) { return key; };
      for (int i = 0; i < 1000; ++i) runner.one<int>(loader, i, {});
    });
  for (std::thread& t : threads) t.join();
  CHECK(counted(runner).loads == 4000);
}

TEST_CASE("a load that waits for itself, or that a stop came before, is refused in words") {
  const larder::error again = refusal([] { larder::sync::refuse_reentrant(); });
  CHECK(again.cause() == larder::error_cause::reentrant);
  CHECK(std::string(again.what()).find("the key that it is loading") != std::string::npos);
  std::stop_source source;
  larder::sync::refuse_when_stopped(source.get_token());
  larder::sync::refuse_when_stopped({});
  source.request_stop();
  const larder::error stopped = refusal([&] { larder::sync::refuse_when_stopped(source.get_token()); });
  CHECK(stopped.cause() == larder::error_cause::cancelled);
}
