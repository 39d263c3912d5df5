// The circuit by itself; how requests open and close it is tested where it is used: circuit_breaker_tests,
// redis_client_circuit_tests.

#include <larder/remote/circuit.hpp>

#include "scripted_transport.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
using larder::circuit_breaker_options;
using larder::error_cause;
using larder::remote_report;
using larder::remote_state;
using larder::test::manual_timing;
using larder::test::report_of;
using circuit = larder::remote::circuit<manual_timing>;

/// Requests that fail so, one after the other.
void fail(circuit& c, int times, const std::string& how = "answered LOADING", unsigned failures = 1) {
  for (int i = 0; i < times; ++i) c.conclude(c.admit(), failures, how);
}

}  // namespace

TEST_CASE("a circuit lets everything go until there were too many failures, and then says why not and until when") {
  const manual_timing time;
  circuit c(time, {});
  fail(c, 4);
  CHECK(c.admit().refusal.empty());
  CHECK(report_of(c).state == remote_state::healthy);
  fail(c, 1);
  time.advance(1s);
  CHECK(c.admit().refusal ==
        "the server failed lately (5 times in a row, at last: answered LOADING); it is tried again in 4000 ms");
  const remote_report report = report_of(c);
  CHECK(report.state == remote_state::degraded);
  CHECK(report.refused_by_breaker == 1);
  CHECK(report.breaker_openings == 1);
  CHECK(report.degraded_time == 1s);
}

TEST_CASE("after the pause one request is let go, and its outcome decides") {
  const manual_timing time;
  circuit c(time, {});
  fail(c, 1, "network failure", 5);
  time.advance(5s);
  const circuit::admission first = c.admit();
  CHECK(first.probe);
  CHECK(first.refusal.empty());
  CHECK(report_of(c).state == remote_state::probed);
  CHECK(c.admit().refusal ==
        "the server failed lately (5 times in a row, at last: network failure); a request that tries it is under way");
  c.conclude(first, 1, "answered BUSY");
  time.advance(9'999ms);  // twice as long now
  CHECK(c.admit().refusal == "the server failed lately (a request that tried it: answered BUSY); it is tried again in 1 ms");
  time.advance(1ms);
  const circuit::admission second = c.admit();
  CHECK(second.probe);
  c.withdraw(second);  // it says nothing, so the next one tries
  const circuit::admission third = c.admit();
  CHECK(third.probe);
  c.conclude(third, 0, {});
  CHECK(report_of(c).state == remote_state::healthy);
  CHECK(report_of(c).degraded_time == 15s);
  CHECK_FALSE(c.admit().probe);
  fail(c, 4);  // counted afresh
  CHECK(c.admit().refusal.empty());
}

TEST_CASE("what was let go before it opened or closed does not count afterwards") {
  const manual_timing time;
  circuit c(time, {});
  const circuit::admission early = c.admit();
  fail(c, 5);
  c.conclude(early, 0, {});  // it does not close it
  CHECK_FALSE(c.admit().refusal.empty());
  time.advance(5s);
  const circuit::admission probe = c.admit();
  c.withdraw(early);  // nor give its probe away
  CHECK_FALSE(c.admit().refusal.empty());
  c.conclude(probe, 0, {});
  c.conclude(early, 100, "network failure");
  c.conclude(probe, 100, "network failure");
  CHECK(c.admit().refusal.empty());
}

TEST_CASE("a share of the requests of late opens it, though none fail in a row") {
  const manual_timing time;
  circuit c(time, {.window = 4, .share = 0.5});
  for (const bool failed : {true, false, true, false}) c.conclude(c.admit(), failed ? 1 : 0, "timeout failure");
  CHECK(report_of(c).state == remote_state::healthy);
  c.conclude(c.admit(), 1, "timeout failure");  // in the place of the first, which failed as well
  CHECK(report_of(c).state == remote_state::healthy);
  c.conclude(c.admit(), 1, "timeout failure");
  CHECK(c.admit().refusal ==
        "the server failed lately (3 of 4 requests, at last: timeout failure); it is tried again in 5000 ms");
}

TEST_CASE("one that is off lets all go and reports nothing") {
  const manual_timing time;
  circuit c(time, {.on = false});
  fail(c, 1000);
  CHECK(c.admit().refusal.empty());
  CHECK_FALSE(c.admit().probe);
  CHECK(report_of(c).state == remote_state::healthy);
  CHECK(report_of(c).breaker_openings == 0);
}

TEST_CASE("options that make no sense are refused") {
  for (const circuit_breaker_options& bad :
       {circuit_breaker_options{.failures = 0}, circuit_breaker_options{.window = 0}, circuit_breaker_options{.share = 1.5},
        circuit_breaker_options{.share = -0.5}, circuit_breaker_options{.pause = 0ms},
        circuit_breaker_options{.pause = 10s, .longest_pause = 5s}})
    CHECK_THROWS_AS(circuit(manual_timing{}, bad), larder::error);
}

TEST_CASE("of failures only no answer, silence and a server's own are held against it, and only when it was asked") {
  for (std::size_t i = 0; i < larder::error_cause_count; ++i) {
    const auto cause = static_cast<error_cause>(i);
    const bool blamed = cause == error_cause::network || cause == error_cause::timeout || cause == error_cause::server;
    circuit c(manual_timing{}, {});
    c.fail(c.admit(), cause, 0);
    c.fail(c.admit(), cause, 4);
    CHECK(c.admit().refusal.empty());
    c.fail(c.admit(), cause, 1);
    CHECK(c.admit().refusal.empty() != blamed);
  }
}

TEST_CASE("a request that runs is judged by what it tells, or by what it throws, with its tries before the last") {
  const auto subject = [] { return std::string("a question"); };
  const auto left = [&](auto&& send) {  // how many requests are let go until it is open, of 30
    circuit c(manual_timing{}, {.failures = 6});
    for (int n = 0; n < 30; ++n) {
      bool sent = false;
      try {
        c.run(subject, [&](circuit::outcome& went) {
          sent = true;
          return send(went);
        });
      } catch (const larder::error& failure) {
        if (sent) continue;
        CHECK(failure.cause() == error_cause::network);
        CHECK(std::string(failure.what()).starts_with("larder: a question was not sent: the server failed lately ("));
        return n;
      } catch (const std::runtime_error&) {
      }
    }
    return 30;
  };
  CHECK(left([](circuit::outcome& went) { return went.failed = 1; }) == 30);  // in the end it went well
  CHECK(left([](circuit::outcome& went) { return went.failure = "answered BUSY"; }) == 6);
  CHECK(left([](circuit::outcome& went) {
          went = {1, "answered BUSY"};
          return 0;
        }) == 3);
  CHECK(left([](circuit::outcome& went) -> int {
          went.failed = 1;
          throw larder::error(error_cause::network, "gone");
        }) == 3);
  CHECK(left([](circuit::outcome&) -> int { throw larder::remote::send_error(error_cause::timeout, "late", 6); }) == 1);
  CHECK(left([](circuit::outcome&) -> int { throw larder::remote::send_error(error_cause::timeout, "busy", 0); }) == 30);
  CHECK(left([](circuit::outcome&) -> int { throw std::runtime_error("not larder's"); }) == 30);
}

TEST_CASE("a server that is not asked any more is not degraded any longer, and begins anew when it is") {
  const manual_timing time;
  circuit c(time, {});
  c.forget();  // it was never asked
  fail(c, 5);
  time.advance(5s);
  const circuit::admission probe = c.admit();
  c.forget();
  time.advance(100s);
  CHECK(report_of(c).state == remote_state::healthy);
  CHECK(report_of(c).degraded_time == 5s);
  c.conclude(probe, 100, "network failure");  // from before
  fail(c, 4);
  CHECK(c.admit().refusal.empty());
  c.forget();  // what is well stays as it is
  fail(c, 1);
  CHECK_FALSE(c.admit().refusal.empty());
  CHECK(report_of(c).degraded_time == 5s);
}

TEST_CASE("the report of several servers has the worst state and the sum of the rest") {
  const manual_timing time;
  circuit open(time, {});
  circuit probed(time, {.pause = 1s});
  circuit well(time, {});
  fail(open, 5);
  fail(probed, 5);
  time.advance(2s);
  const circuit::admission probe = probed.admit();
  for (const auto& order : {std::vector<circuit*>{&open, &probed, &well}, std::vector<circuit*>{&well, &probed, &open}}) {
    remote_report report;
    for (const circuit* each : order) each->add_to(report);
    CHECK(report.state == remote_state::degraded);
    CHECK(report.breaker_openings == 2);
    CHECK(report.degraded_time == 4s);
  }
  remote_report report;
  probed.add_to(report);
  well.add_to(report);
  CHECK(report.state == remote_state::probed);
  probed.conclude(probe, 0, {});
}

TEST_CASE("a child of fork believes its server to be well") {
  const manual_timing time;
  circuit c(time, {});
  fail(c, 5);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(c.admit().refusal.empty() && report_of(c).state == remote_state::healthy ? 0 : 1);
  int status = -1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK_FALSE(c.admit().refusal.empty());
}

TEST_CASE("of many threads that meet a pause that is over one tries the server") {
  const manual_timing time;
  circuit c(time, {});
  fail(c, 5);
  time.advance(5s);
  std::atomic<int> let_go{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) let_go += c.admit().refusal.empty() ? 1 : 0;
    });
  for (std::thread& each : threads) each.join();
  CHECK(let_go == 1);
  CHECK(report_of(c).refused_by_breaker == 399);
}
