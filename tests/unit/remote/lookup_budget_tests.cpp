#include <larder/remote/lookup_budget.hpp>

#include "scripted_transport.hpp"

#include <chrono>
#include <cstddef>
#include <string>

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
namespace remote = larder::remote;
using larder::error_cause;
using larder::test::answer_of;
using larder::test::manual_timing;
using larder::test::request_for;
using larder::test::transport_script;
using budgeted = remote::lookup_budget<larder::test::scripted_transport, manual_timing>;

static_assert(remote::http_transport<budgeted>);
constexpr auto never = std::chrono::steady_clock::time_point::max();

}  // namespace

TEST_CASE("look-ups have a time by which their answer begins, other requests have not") {
  transport_script script;
  manual_timing time;
  budgeted b(time, 2s, script);
  for (const std::string method : {"GET", "HEAD", "PUT", "DELETE", "PROPFIND", "MOVE"}) {
    CAPTURE(method);
    b.send(request_for(method));
    CHECK(script.seen().back().answer_by == (method == "GET" || method == "HEAD" ? time.now() + 2s : never));
  }
  remote::http_request request = request_for();
  request.answer_by = time.now() + 1s;
  b.send(request);
  CHECK(script.seen().back().answer_by == time.now() + 1s);  // the sooner of the two
  request.answer_by = time.now() + 5s;
  b.send(request);
  CHECK(script.seen().back().answer_by == time.now() + 2s);
  budgeted none(time, 0ms, script);
  none.send(request_for());
  CHECK(script.seen().back().answer_by == never);
  CHECK_THROWS_AS(budgeted(time, -1ms, script), larder::error);
}

TEST_CASE("a look-up that ran out of time is counted, another that failed is not") {
  transport_script script;
  manual_timing time;
  budgeted b(time, 2s, script);
  const auto over = [&] {
    larder::remote_report report;
    b.add_to(report);
    return report.lookups_over_budget;
  };
  script.answer(
      [](const auto&, std::size_t) -> remote::http_response { larder::core::fail(error_cause::timeout, "a limit of its own"); });
  CHECK_THROWS_AS(b.send(request_for()), larder::error);
  CHECK(over() == 0);
  script.answer([&](const auto&, std::size_t) -> remote::http_response {
    time.advance(2s);
    larder::core::fail(error_cause::network, "broke off");
  });
  CHECK_THROWS_AS(b.send(request_for()), larder::error);
  CHECK(over() == 0);
  script.answer([&](const auto&, std::size_t) -> remote::http_response {
    time.advance(2s);
    larder::core::fail(error_cause::timeout, "no answer began");
  });
  CHECK_THROWS_AS(b.send(request_for()), larder::error);
  CHECK(over() == 1);
}
