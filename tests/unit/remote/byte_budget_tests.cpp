#include <larder/remote/byte_budget.hpp>

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using larder::remote::byte_budget;

namespace {

void until_waiting(const byte_budget& budget, std::size_t n) {
  while (budget.waiting() != n) std::this_thread::yield();
}

}  // namespace

TEST_CASE("shares add up, and are given back") {
  byte_budget budget(100);
  {
    const byte_budget::lease a = budget.take(60);
    byte_budget::lease b = budget.take(40);
    CHECK(budget.in_flight() == 100);
    const byte_budget::lease moved = std::move(b);
    CHECK(budget.in_flight() == 100);
    CHECK(moved.size() == 40);
  }
  CHECK(budget.in_flight() == 0);
}

TEST_CASE("who comes first is served first, though a later one would fit") {
  byte_budget budget(100);
  byte_budget::lease held = budget.take(80);
  std::atomic<int> order = 0;
  int large_at = 0;
  int small_at = 0;
  std::thread large([&] {
    const auto mine = budget.take(90);
    large_at = ++order;
  });
  until_waiting(budget, 1);
  std::thread small([&] {
    const auto mine = budget.take(20);
    small_at = ++order;
  });
  until_waiting(budget, 2);
  held = {};
  large.join();
  small.join();
  CHECK(large_at == 1);
  CHECK(small_at == 2);
  CHECK(budget.in_flight() == 0);
}

TEST_CASE("what is larger than the budget goes alone") {
  byte_budget budget(100);
  byte_budget::lease small = budget.take(1);
  std::atomic<bool> served = false;
  std::thread large([&] {
    const auto mine = budget.take(1000);
    CHECK(budget.in_flight() == 1000);
    served = true;
  });
  until_waiting(budget, 1);
  CHECK_FALSE(served);
  small = {};
  large.join();
  CHECK(served);
}

TEST_CASE("a charge does not wait and makes others wait") {
  byte_budget budget(100);
  byte_budget::lease a = budget.take(90);
  byte_budget::lease b = budget.charge(50);
  CHECK(budget.in_flight() == 140);
  std::thread waits([&] { const auto mine = budget.take(50); });
  until_waiting(budget, 1);
  a = {};
  waits.join();
  b = {};
  CHECK(budget.in_flight() == 0);
}

TEST_CASE("a stop ends the wait, and those behind come up") {
  byte_budget budget(100);
  byte_budget::lease held = budget.take(50);
  std::stop_source stop;
  bool cancelled = false;
  std::thread given_up([&] {
    try {
      budget.take(100, stop.get_token());
    } catch (const larder::error& e) {
      cancelled = e.cause() == larder::error_cause::cancelled;
    }
  });
  until_waiting(budget, 1);
  std::thread behind([&] { const auto mine = budget.take(50); });
  until_waiting(budget, 2);
  stop.request_stop();
  given_up.join();
  behind.join();
  CHECK(cancelled);
  held = {};
  CHECK(budget.in_flight() == 0);
}

TEST_CASE("many threads never have more than the budget") {
  byte_budget budget(100);
  std::atomic<std::uint64_t> used = 0;
  std::atomic<bool> over = false;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 300; ++i) {
        const std::uint64_t n = (t * 7 + i * 13) % 100 + 1;
        const auto mine = budget.take(n);
        if (used.fetch_add(n) + n > 100) over = true;
        used.fetch_sub(n);
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK_FALSE(over);
  CHECK(budget.in_flight() == 0);
}
