// The pool against a server that says by which of its connections it was asked.

#include <larder/remote/redis_pool.hpp>
#include <support/redis_script.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/patient_timeouts.hpp"
#include "support/refusal.hpp"

namespace {

using namespace std::chrono_literals;
using larder::error_cause;
using larder::remote::redis_command;
using larder::remote::redis_connection;
using larder::remote::redis_login;
using larder::remote::redis_pool;
using larder::remote::redis_reply;
using support::redis_script;

redis_login login_of(std::chrono::milliseconds first_byte) {
  redis_login out;
  out.timeouts = support::patient;
  out.timeouts.first_byte = first_byte;
  return out;
}
const redis_login patient = login_of(support::patient.first_byte);

/// Answers every command with the connection's number.
struct counting_server {
  std::atomic<int> made{0};
  std::atomic<int> gone{0};
  redis_script script{[this](redis_script::peer& peer) {
    const int mine = ++made;
    while (!peer.command().empty()) peer.say(":" + std::to_string(mine) + "\r\n");
    ++gone;
  }};
  larder::remote::redis_address address() const { return {"127.0.0.1", script.port(), {}}; }
};

std::int64_t number_of(redis_connection& connection) {
  const redis_command command{"WHICH"};
  connection.begin({});
  connection.queue(command);
  connection.flush();
  return connection.reply().number;
}
/// To be dropped when a test likes.
std::unique_ptr<redis_pool::lease> lend(redis_pool& pool, bool fresh = false) {
  return std::unique_ptr<redis_pool::lease>(new redis_pool::lease(pool.take(fresh, {})));
}
support::refusal failure_to_take(redis_pool& pool, const std::stop_token& stop = {}) {
  return support::refusal_of([&] { static_cast<void>(pool.take(false, stop)); });
}

}  // namespace

TEST_CASE("a connection is made when none is idle, and the one that was used last is used first") {
  const counting_server server;
  redis_pool pool(server.address(), patient, 4);
  CHECK(pool.address() == server.address());
  CHECK(server.made == 0);
  auto a = lend(pool);
  auto b = lend(pool);
  CHECK_FALSE(a->is_used());
  CHECK_FALSE(b->is_used());
  const std::int64_t number_of_a = number_of(**a);
  const std::int64_t number_of_b = number_of(**b);
  CHECK(number_of_a != number_of_b);
  a.reset();
  b.reset();
  const auto first = lend(pool);
  const auto second = lend(pool);
  CHECK(first->is_used());
  CHECK(second->is_used());
  CHECK(number_of(**first) == number_of_b);
  CHECK(number_of(**second) == number_of_a);
  CHECK(server.made == 2);
}

TEST_CASE("a fresh one is made although others are idle, which are closed then") {
  counting_server server;
  redis_pool pool(server.address(), patient, 2);
  {
    const auto a = lend(pool);
    const auto b = lend(pool);
    number_of(**a);
    number_of(**b);
  }
  const auto fresh = lend(pool, true);
  CHECK_FALSE(fresh->is_used());
  CHECK(number_of(**fresh) == 3);
  CHECK(support::eventually([&] { return server.gone == 2; }));
  const auto beside = lend(pool, true);  // the two that were closed hold no place
  CHECK(number_of(**beside) == 4);
}

TEST_CASE("one that is owed an answer, or has unread ones, goes no further") {
  const counting_server server;
  redis_pool pool(server.address(), patient, 1);
  const redis_command command{"WHICH"};
  {
    const auto owed = lend(pool);
    (*owed)->begin({});
    (*owed)->queue(command);
    (*owed)->flush();
  }
  CHECK(support::eventually([&] { return server.gone == 1; }));  // closed at once
  {
    const auto next = lend(pool);
    CHECK_FALSE(next->is_used());
    CHECK(number_of(**next) == 2);
    (*next)->queue(command);  // queued and never sent
  }
  CHECK_FALSE(lend(pool)->is_used());
  CHECK(lend(pool)->is_used());
  CHECK(support::eventually([&] { return server.script.connections() == 3; }));
}

TEST_CASE("one that the server closes is not lent again, whether it was lent or idle then") {
  for (const bool idle : {false, true}) {
    CAPTURE(idle);
    std::atomic<bool> close{false};
    redis_script server([&](redis_script::peer& peer) {
      peer.command();
      peer.say(":1\r\n");
      support::eventually([&] { return close.load(); });
    });
    redis_pool pool({"127.0.0.1", server.port(), {}}, patient, 1);
    auto lent = lend(pool);
    number_of(**lent);
    if (idle) {
      const redis_connection& kept = **lent;
      lent.reset();
      CHECK(lend(pool)->is_used());
      close = true;
      CHECK(support::eventually([&] { return !kept.is_reusable(); }));
      CHECK_FALSE(lend(pool)->is_used());
    } else {
      close = true;
      CHECK(support::eventually([&] { return !(*lent)->is_reusable(); }));
      lent.reset();
      CHECK_FALSE(lend(pool)->is_used());
    }
    CHECK(support::eventually([&] { return server.connections() == 2; }));
  }
}

TEST_CASE("when as many as may be are lent a further one is waited for, as long as an answer may take") {
  const counting_server server;
  const redis_login hasty = login_of(50ms);
  redis_pool pool(server.address(), hasty, 2);
  const auto a = lend(pool);
  auto b = lend(pool);
  const support::refusal failure = failure_to_take(pool);
  CHECK(failure.cause == error_cause::timeout);
  CHECK(failure.message == "larder: redis at 127.0.0.1:" + std::to_string(server.script.port()) +
                               ": all 2 connections were busy for 50 ms; allow more connections");
  b.reset();
  CHECK_FALSE(failure_to_take(pool).cause);
  CHECK(server.script.connections() <= 2);
}

TEST_CASE("a further one is waited for no longer than a look-up has, and who waited in vain was not sent") {
  const counting_server server;
  redis_pool pool(server.address(), patient, 1);
  const auto mine = lend(pool);
  try {
    static_cast<void>(pool.take(false, {}, redis_pool::time_point::clock::now() + 50ms));
    FAIL("there was one");
  } catch (const larder::remote::send_error& failure) {
    CHECK(failure.cause() == error_cause::timeout);
    CHECK(failure.tries() == 0);
    CHECK(std::string(failure.what()) ==
          "larder: redis at 127.0.0.1:" + std::to_string(server.script.port()) +
              ": all 1 connections were busy for as long as the look-up had; allow more connections");
  }
  const redis_login short_of_patience = login_of(50ms);
  redis_pool other(server.address(), short_of_patience, 1);
  const auto its = lend(other);
  CHECK_THROWS_AS(other.take(false, {}), larder::remote::send_error);
}

TEST_CASE("who waits gets the one that comes back, be it of use or not") {
  for (const bool of_use : {true, false}) {
    CAPTURE(of_use);
    const counting_server server;
    redis_pool pool(server.address(), patient, 1);
    auto held = lend(pool);
    number_of(**held);
    std::int64_t number = 0;
    std::atomic<bool> asking{false};
    std::thread waits([&] {
      asking = true;
      const auto mine = lend(pool);
      number = number_of(**mine);
    });
    CHECK(support::eventually([&] { return asking.load(); }));
    const redis_command never_sent{"WHICH"};
    if (!of_use) (*held)->queue(never_sent);
    held.reset();
    waits.join();
    CHECK(number == (of_use ? 1 : 2));
  }
}

TEST_CASE("a stop ends the wait for another's connection, also one without an end") {
  for (const std::chrono::milliseconds first_byte : {20'000ms, 0ms}) {
    const counting_server server;
    const redis_login login = login_of(first_byte);
    redis_pool pool(server.address(), login, 1);
    const auto held = lend(pool);
    std::stop_source stop;
    std::atomic<bool> asking{false};
    support::refusal failure;
    std::thread waits([&] {
      asking = true;
      failure = failure_to_take(pool, stop.get_token());
    });
    CHECK(support::eventually([&] { return asking.load(); }));
    stop.request_stop();
    waits.join();
    CHECK(failure.cause == error_cause::cancelled);
    CHECK(server.script.connections() <= 1);
  }
}

TEST_CASE("a connection that cannot be made holds no place") {
  const redis_login hasty = login_of(50ms);
  redis_pool pool({"127.0.0.1", 1, {}}, hasty, 1);
  for (int i = 0; i < 3; ++i) CHECK(failure_to_take(pool).cause == error_cause::network);
}

TEST_CASE("many threads never have more than may be, and each gets one") {
  const counting_server server;
  redis_pool pool(server.address(), patient, 3);
  std::atomic<int> lent{0};
  std::atomic<int> over{0};
  std::atomic<int> served{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        const redis_pool::lease mine = pool.take((t + i) % 10 == 0, {});
        if (++lent > 3) ++over;
        served += number_of(*mine) > 0 ? 1 : 0;
        --lent;
      }
    });
  for (std::thread& each : threads) each.join();
  CHECK(over == 0);
  CHECK(served == 320);
}
