#include <larder/remote/resilience.hpp>

#include "scripted_transport.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
namespace remote = larder::remote;
using larder::error_cause;
using larder::remote_state;
using larder::resilience;
using larder::test::answer_of;
using larder::test::manual_timing;
using larder::test::request_for;
using larder::test::transport_script;
using stack = remote::resilient<larder::test::scripted_transport, manual_timing>;

static_assert(remote::http_transport<stack>);
constexpr auto never = std::chrono::steady_clock::time_point::max();

}  // namespace

TEST_CASE("a busy server is asked again within the budget of the look-up") {
  transport_script script;
  manual_timing time;
  script.answer([](const remote::http_request&, std::size_t) { return answer_of(503, {{"retry-after", "1"}}); });
  stack s(time, {}, script);
  const remote::http_response answer = s.send(request_for());
  CHECK(answer.status == 503);
  CHECK(answer.tries == 2);  // a third would come too late
  CHECK(time.now() - manual_timing::start() < 2s);
  for (const remote::http_request& seen : script.seen()) CHECK(seen.answer_by == manual_timing::start() + 2s);
  CHECK(s.report().requests == 2);
  CHECK(s.report().retries == 1);
  s.send(request_for("PUT"));  // not a look-up: all its tries
  CHECK(script.count() == 6);
  CHECK(script.seen().back().answer_by == never);
  CHECK(s.report().state == remote_state::degraded);
}

TEST_CASE("what waits in the client's own line does not count against the server") {
  transport_script script;
  const manual_timing time(manual_timing::when_told);
  std::atomic<bool> go{false};
  script.answer([&](const remote::http_request& request, std::size_t) {
    if (request.method == "PUT") CHECK(larder::test::eventually([&] { return go.load(); }));
    return answer_of(200);
  });
  resilience how;
  how.in_flight.requests = 1;
  stack s(time, how, script);
  std::thread holder([&] { s.send(request_for("PUT")); });
  CHECK(larder::test::eventually([&] { return script.count() == 1; }));
  for (int i = 0; i < 8; ++i) {
    remote::http_request hasty = request_for();
    hasty.answer_by = time.now();
    std::optional<error_cause> met;
    try {
      s.send(hasty);
    } catch (const larder::error& e) {
      met = e.cause();
    }
    CHECK(met == error_cause::timeout);
  }
  CHECK(s.report().state == remote_state::healthy);
  CHECK(s.report().requests == 1);
  go = true;
  holder.join();
}

TEST_CASE("none() sends each request once and as it is") {
  transport_script script;
  script.answer([](const remote::http_request&, std::size_t) { return answer_of(503); });
  stack s(manual_timing{}, resilience::none(), script);
  for (std::size_t i = 1; i <= 300; ++i) {
    CHECK(s.send(request_for()).status == 503);
    CHECK(script.count() == i);
  }
  CHECK(script.seen().back().answer_by == never);
  CHECK_FALSE(script.seen().back().stop.stop_possible());
  CHECK(s.report().requests == 300);
}
