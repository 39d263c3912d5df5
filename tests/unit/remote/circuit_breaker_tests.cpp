#include <larder/remote/circuit_breaker.hpp>

#include "scripted_transport.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
namespace remote = larder::remote;
using larder::error_cause;
using larder::remote_state;
using larder::test::answer_of;
using larder::test::manual_timing;
using larder::test::report_of;
using larder::test::request_for;
using larder::test::transport_script;
using breaker = remote::circuit_breaker<larder::test::scripted_transport, manual_timing>;

static_assert(remote::http_transport<breaker>);

/// A breaker over a server whose health is a variable.
struct setup {
  explicit setup(const larder::circuit_breaker_options& options = {}) : b(time, options, script) {
    script.answer([this](const auto&, std::size_t) { return outcome(); });
  }
  remote::http_response outcome() const {
    remote::http_response out = answer_of(status);
    out.tries = tries;
    if (cause) throw remote::send_error(*cause, "it failed", tries);
    return out;
  }
  /// The status, or nothing when it threw.
  std::optional<int> ask() {
    try {
      return b.send(request_for()).status;
    } catch (const larder::error& e) {
      last = e.what();
      last_cause = e.cause();
      return std::nullopt;
    }
  }

  transport_script script;
  manual_timing time;
  int status = 200;
  unsigned tries = 1;
  std::optional<error_cause> cause;
  std::string last;
  std::optional<error_cause> last_cause;
  breaker b;
};

}  // namespace

TEST_CASE("five failures in a row open the breaker, which then fails at once and says until when") {
  setup s;
  CHECK(s.ask() == 200);
  s.status = 503;
  for (int i = 0; i < 4; ++i) CHECK(s.ask() == 503);
  CHECK(report_of(s.b).state == remote_state::healthy);
  s.status = 200;
  CHECK(s.ask() == 200);  // the row is broken
  s.status = 503;
  for (int i = 0; i < 5; ++i) CHECK(s.ask() == 503);
  CHECK(report_of(s.b).state == remote_state::degraded);
  CHECK(report_of(s.b).breaker_openings == 1);
  const std::size_t before = s.script.count();
  s.time.advance(1s);
  CHECK_FALSE(s.ask());
  CHECK(s.last_cause == error_cause::network);
  CHECK(s.last ==
        "larder: GET http://h/o was not sent: the server failed lately (5 times in a row, at last: answered 503); it is tried "
        "again in 4000 ms");
  CHECK(s.script.count() == before);
  CHECK(report_of(s.b).refused_by_breaker == 1);
  CHECK(report_of(s.b).degraded_time == 1s);
}

TEST_CASE("each try of a request counts as a failure in a row") {
  setup s;
  s.tries = 4;
  s.cause = error_cause::timeout;
  CHECK_FALSE(s.ask());
  CHECK(report_of(s.b).breaker_openings == 0);
  CHECK_FALSE(s.ask());
  CHECK(report_of(s.b).breaker_openings == 1);
}

TEST_CASE("more than half of the last twenty open it as well") {
  setup s;
  for (int i = 0; i < 10; ++i) {
    s.status = 500;
    CHECK(s.ask() == 500);
    s.status = 200;
    CHECK(s.ask() == 200);
  }
  CHECK(report_of(s.b).breaker_openings == 0);  // half is not more than half
  s.status = 500;
  CHECK(s.ask() == 500);  // in the place of the first, which failed as well
  CHECK(report_of(s.b).state == remote_state::healthy);
  CHECK(s.ask() == 500);
  CHECK(report_of(s.b).state == remote_state::degraded);

  setup young;  // nothing is made of a few
  for (int i = 0; i < 9; ++i) {
    young.status = i % 3 == 2 ? 200 : 500;
    CHECK(young.ask() == young.status);
  }
  CHECK(report_of(young.b).state == remote_state::healthy);
}

TEST_CASE("an answer that says no is no failure of the server") {
  for (const int status : {200, 301, 400, 401, 403, 404, 405, 409, 412, 416, 501, 507}) {
    CAPTURE(status);
    setup s;
    s.status = 503;
    for (int i = 0; i < 4; ++i) s.ask();
    s.status = status;
    CHECK(s.ask() == status);
    s.status = 503;
    for (int i = 0; i < 4; ++i) s.ask();
    CHECK(report_of(s.b).state == remote_state::healthy);
  }
  for (std::size_t i = 0; i < larder::error_cause_count; ++i) {
    CAPTURE(i);
    setup s;
    s.cause = static_cast<error_cause>(i);
    for (int n = 0; n < 30; ++n) CHECK_FALSE(s.ask());
    const bool blamed = *s.cause == error_cause::network || *s.cause == error_cause::timeout || *s.cause == error_cause::server;
    CHECK(s.script.count() == (blamed ? 5 : 30));
  }
  setup never_sent;
  never_sent.cause = error_cause::timeout;
  never_sent.tries = 0;
  for (int n = 0; n < 30; ++n) never_sent.ask();
  CHECK(never_sent.script.count() == 30);
}

TEST_CASE("probes come after pauses that double up to a minute, and a good one closes the breaker") {
  setup s;
  s.cause = error_cause::network;
  for (int i = 0; i < 5; ++i) s.ask();
  std::vector<std::chrono::seconds> pauses;
  for (int probe = 0; probe < 6; ++probe) {
    const std::size_t before = s.script.count();
    std::chrono::milliseconds waited{0};
    while (s.script.count() == before && waited < 100s) {
      s.time.advance(500ms);
      waited += 500ms;
      CHECK_FALSE(s.ask());
    }
    pauses.push_back(std::chrono::duration_cast<std::chrono::seconds>(waited));
  }
  CHECK(pauses == std::vector<std::chrono::seconds>{5s, 10s, 20s, 40s, 60s, 60s});
  CHECK(report_of(s.b).breaker_openings == 1);
  s.cause.reset();
  s.time.advance(60s);
  CHECK(s.ask() == 200);
  CHECK(report_of(s.b).state == remote_state::healthy);
  CHECK(report_of(s.b).degraded_time == 255s);
  s.time.advance(100s);
  CHECK(report_of(s.b).degraded_time == 255s);
  s.status = 503;
  for (int i = 0; i < 5; ++i) CHECK(s.ask() == 503);  // counted afresh
  CHECK_FALSE(s.ask());
  s.time.advance(5s);  // and the pause is the first one again
  CHECK(s.ask() == 503);
  CHECK(report_of(s.b).breaker_openings == 2);
}

TEST_CASE("one request at a time is the probe") {
  transport_script script;
  manual_timing time;
  breaker b(time, {}, script);
  script.answer([](const auto&, std::size_t) { return answer_of(503); });
  for (int i = 0; i < 5; ++i) b.send(request_for());
  time.advance(5s);
  std::atomic<bool> asked{false};
  std::atomic<bool> go{false};
  script.answer([&](const auto&, std::size_t) {
    asked = true;
    CHECK(larder::test::eventually([&] { return go.load(); }));
    return answer_of(200);
  });
  std::thread probe([&] { CHECK(b.send(request_for()).status == 200); });
  CHECK(larder::test::eventually([&] { return asked.load(); }));
  CHECK(report_of(b).state == remote_state::probed);
  for (int i = 0; i < 10; ++i) CHECK_THROWS_AS(b.send(request_for()), larder::error);
  CHECK(script.count() == 6);
  go = true;
  probe.join();
  CHECK(b.send(request_for()).status == 200);
}

TEST_CASE("a probe that says nothing makes room for the next") {
  setup s;
  s.cause = error_cause::network;
  for (int i = 0; i < 5; ++i) s.ask();
  s.time.advance(5s);
  s.cause = error_cause::cancelled;
  CHECK_FALSE(s.ask());
  s.script.answer([](const auto&, std::size_t) -> remote::http_response { throw std::runtime_error("not larder's"); });
  CHECK_THROWS_AS(s.b.send(request_for()), std::runtime_error);
  s.script.answer([](const auto&, std::size_t) { return answer_of(200); });
  CHECK(s.ask() == 200);
  CHECK(report_of(s.b).state == remote_state::healthy);
}

TEST_CASE("what was under way as it opened neither closes it nor keeps it open longer") {
  for (const int late_status : {200, 503}) {
    CAPTURE(late_status);
    transport_script script;
    manual_timing time;
    breaker b(time, {}, script);
    std::atomic<bool> asked{false};
    std::atomic<bool> go{false};
    script.answer([&](const auto&, std::size_t n) {
      if (n != 0) return answer_of(503);
      asked = true;
      CHECK(larder::test::eventually([&] { return go.load(); }));
      return answer_of(late_status);
    });
    std::thread late([&] { CHECK(b.send(request_for()).status == late_status); });
    CHECK(larder::test::eventually([&] { return asked.load(); }));
    for (int i = 0; i < 5; ++i) b.send(request_for());
    go = true;
    late.join();
    CHECK(report_of(b).state == remote_state::degraded);
    time.advance(5s);
    CHECK(b.send(request_for()).status == 503);  // the probe, after the first pause
  }
}

TEST_CASE("it can be switched off, and options that make no sense are refused") {
  setup s({.on = false});
  s.status = 503;
  for (int i = 0; i < 100; ++i) CHECK(s.ask() == 503);
  transport_script script;
  for (const larder::circuit_breaker_options& bad :
       {larder::circuit_breaker_options{.failures = 0}, larder::circuit_breaker_options{.window = 0},
        larder::circuit_breaker_options{.share = 1.5}, larder::circuit_breaker_options{.share = -0.5},
        larder::circuit_breaker_options{.pause = 0ms}, larder::circuit_breaker_options{.pause = 10s, .longest_pause = 5s}})
    CHECK_THROWS_AS(breaker(manual_timing{}, bad, script), larder::error);
}

TEST_CASE("many threads keep the counts right") {
  transport_script script;
  manual_timing time;
  breaker b(time, {.failures = 1000, .window = 1000, .share = 1}, script);
  std::atomic<int> sent{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i)
        if (b.send(request_for()).status == 200) ++sent;
    });
  for (std::thread& t : threads) t.join();
  CHECK(sent == 2000);
  CHECK(report_of(b).state == remote_state::healthy);
}
