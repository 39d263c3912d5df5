#include <larder/sync/admission_line.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using larder::sync::admission_line;
using larder::sync::bounded_sum;

namespace {

constexpr auto patiently = [](auto& changed, auto& lock, auto&& admitted) { changed.wait(lock, admitted); };

template <class Line>
void until_waiting(const Line& line, std::size_t n) {
  while (line.waiting() != n) std::this_thread::yield();
}

/// Enters with an amount that has room only when both have left that are in.
template <class Line>
void enter_after_both(Line& line, std::uint64_t n, std::uint64_t first, std::uint64_t second) {
  std::thread waits([&] { line.enter(n, patiently); });
  until_waiting(line, 1);
  line.leave(first);
  CHECK(line.waiting() == 1);
  line.leave(second);
  waits.join();
}

/// Room for so many, and for one amount of each parity at a time.
struct one_of_each_parity {
  std::uint64_t odd = 0;
  std::uint64_t even = 0;
  bool fits(std::uint64_t n) const noexcept { return (n % 2 == 0 ? even : odd) == 0; }
  void take(std::uint64_t n) noexcept { (n % 2 == 0 ? even : odd) += n; }
  void give_back(std::uint64_t n) noexcept { (n % 2 == 0 ? even : odd) -= n; }
};

struct not_a_room {
  void take(std::uint64_t) {}
};
static_assert(larder::sync::admission_room<bounded_sum>);
static_assert(larder::sync::admission_room<one_of_each_parity>);
static_assert(!larder::sync::admission_room<not_a_room>);

}  // namespace

TEST_CASE("a sum keeps below its capacity, and what is larger than all of it goes alone, at the largest numbers, too") {
  constexpr std::uint64_t largest = ~std::uint64_t{0};
  CHECK(bounded_sum{10, 0}.fits(10));
  CHECK(bounded_sum{10, 0}.fits(11));
  CHECK(bounded_sum{10, 4}.fits(6));
  CHECK_FALSE(bounded_sum{10, 4}.fits(7));
  CHECK_FALSE(bounded_sum{10, 4}.fits(11));
  CHECK_FALSE(bounded_sum{10, 4}.fits(largest));
  CHECK_FALSE(bounded_sum{10, 11}.fits(0));
  CHECK(bounded_sum{10, 10}.fits(0));
  CHECK(bounded_sum{largest, largest - 1}.fits(1));
  CHECK_FALSE(bounded_sum{largest, largest - 1}.fits(2));
  CHECK(bounded_sum{0, 0}.fits(largest));
}

TEST_CASE("who finds room does not wait") {
  admission_line<> line(bounded_sum{10});
  const auto never = [](auto&, auto&, auto&&) { FAIL("it waits"); };
  CHECK(line.enter(4, never));
  CHECK(line.enter(6, never));
  CHECK(line.room().used == 10);
  line.leave(4);
  line.leave(6);
  CHECK(line.room().used == 0);
  CHECK(line.enter(1000, never));
  line.leave(1000);
}

TEST_CASE("those in line are let in in the order of coming, as many as fit at once, and none passes the first") {
  admission_line<> line(bounded_sum{10});
  REQUIRE(line.enter(10, patiently));
  std::vector<std::thread> threads;
  const auto come = [&](std::uint64_t n) {
    threads.emplace_back([&, n] { line.enter(n, patiently); });
    until_waiting(line, threads.size());
  };
  for (const std::uint64_t n : std::vector<std::uint64_t>{8, 3, 4, 7}) come(n);
  line.leave(10);
  until_waiting(line, 3);  // 8 is in, and 3 does not fit beside it
  CHECK(line.room().used == 8);
  line.leave(8);
  until_waiting(line, 1);  // 3 and 4 together, 7 not beside them
  CHECK(line.room().used == 7);
  line.leave(3);
  CHECK(line.waiting() == 1);
  line.leave(4);
  for (std::thread& each : threads) each.join();
  CHECK(line.room().used == 7);
  CHECK(line.waiting() == 0);
}

TEST_CASE("who comes while others wait waits behind them, though there is room") {
  admission_line<> line(bounded_sum{10});
  REQUIRE(line.enter(5, patiently));
  std::thread large([&] {
    line.enter(9, patiently);
    line.leave(9);
  });
  until_waiting(line, 1);
  CHECK_FALSE(line.enter(1, [](auto&, auto&, auto&& admitted) { CHECK_FALSE(admitted()); }));
  CHECK(line.waiting() == 1);
  CHECK(line.room().used == 5);
  line.leave(5);
  large.join();
  CHECK(line.room().used == 0);
}

TEST_CASE("who gives up leaves the line, and those behind come up") {
  admission_line<> line(bounded_sum{10});
  REQUIRE(line.enter(5, patiently));
  std::stop_source stop;
  std::atomic<bool> gave_up = false;
  std::thread large([&] {
    gave_up = !line.enter(9, [&](auto& changed, auto& lock, auto&& admitted) { changed.wait(lock, stop.get_token(), admitted); });
  });
  until_waiting(line, 1);
  std::thread small([&] { line.enter(5, patiently); });
  until_waiting(line, 2);
  stop.request_stop();
  large.join();
  small.join();
  CHECK(gave_up);
  CHECK(line.room().used == 10);
  CHECK(line.waiting() == 0);
}

TEST_CASE("a wait that throws leaves nothing in line") {
  admission_line<> line(bounded_sum{10});
  REQUIRE(line.enter(10, patiently));
  CHECK_THROWS_AS(line.enter(1, [](auto&, auto&, auto&&) { throw std::runtime_error("no time"); }), std::runtime_error);
  CHECK(line.waiting() == 0);
  line.leave(10);
  CHECK(line.room().used == 0);
}

TEST_CASE("who is let in as his time ends is in") {
  admission_line<> line(bounded_sum{10});
  REQUIRE(line.enter(10, patiently));
  const auto late = [&](auto&, auto& lock, auto&& admitted) {  // somebody leaves, and nobody looks before the time is over
    lock.unlock();
    line.leave(10);
    lock.lock();
    CHECK(admitted());
  };
  CHECK(line.enter(4, late));
  CHECK(line.room().used == 4);
}

TEST_CASE("room that is taken at once keeps others waiting") {
  admission_line<> line(bounded_sum{10});
  line.enter_at_once(8);
  line.enter_at_once(8);
  CHECK(line.room().used == 16);
  enter_after_both(line, 3, 8, 8);
  CHECK(line.room().used == 3);
}

TEST_CASE("a room of another kind decides for itself who fits") {
  admission_line<one_of_each_parity> line(one_of_each_parity{});
  CHECK(line.enter(3, patiently));
  CHECK(line.enter(4, patiently));
  enter_after_both(line, 6, 3, 4);
  CHECK(line.room().even == 6);
}

TEST_CASE("under load from many threads the sum keeps below its capacity and nobody is forgotten") {
  admission_line<> line(bounded_sum{100});
  std::atomic<std::uint64_t> used = 0;
  std::atomic<int> over = 0;
  std::atomic<int> in = 0;
  std::atomic<int> out = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 300; ++i) {
        const std::uint64_t n = (t * 7 + i * 13) % 120 + 1;
        const bool hasty = (t + i) % 5 == 0;
        const bool entered = line.enter(n, [&](auto& changed, auto& lock, auto&& admitted) {
          if (!hasty) changed.wait(lock, admitted);
        });
        if (!entered) {
          ++out;
          continue;
        }
        ++in;
        const std::uint64_t now = used += n;
        if (now > 100 && now != n) ++over;
        std::this_thread::yield();
        used -= n;
        line.leave(n);
      }
    });
  for (std::thread& each : threads) each.join();
  CHECK(over == 0);
  CHECK(in + out == 1800);
  CHECK(line.room().used == 0);
  CHECK(line.waiting() == 0);
}
