#include <larder/remote/retry.hpp>

#include "scripted_transport.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
namespace remote = larder::remote;
using larder::error_cause;
using larder::test::answer_of;
using larder::test::deliver;
using larder::test::manual_timing;
using larder::test::report_of;
using larder::test::request_for;
using larder::test::transport_script;
using retrying = remote::retry<larder::test::scripted_transport, manual_timing>;

static_assert(remote::http_transport<retrying>);

// As many retries as a test wants; the budget has a test of its own.
constexpr larder::retry_options generous{.budget = 100};

struct buffer final : remote::body_target {
  std::span<std::byte> room(const remote::http_response&, std::uint64_t size) override {
    ++rooms;
    content.assign(static_cast<std::size_t>(size), std::byte{0});
    return content;
  }
  void landed(std::uint64_t filled) override { progress.push_back(filled); }
  std::string text() const { return {reinterpret_cast<const char*>(content.data()), content.size()}; }
  std::vector<std::byte> content;
  std::vector<std::uint64_t> progress;
  int rooms = 0;
};

/// A request whose body goes to a buffer, and what answers it.
struct receiving {
  explicit receiving(transport_script::answerer answers) {
    script.answer(std::move(answers));
    request.into = &to;
  }
  remote::http_response send() { return retrying(manual_timing{}, generous, script).send(request); }
  /// Sends it, and whether the buffer has the object and nothing else.
  void check_receives(std::string_view object) {
    CHECK(send().landed == object.size());
    CHECK(to.text() == object);
  }

  transport_script script;
  buffer to;
  remote::http_request request = request_for();
};

std::optional<std::string> header_sent(const remote::http_request& request, std::string_view name) {
  for (const remote::http_header& h : request.headers)
    if (h.name == name) return std::string(h.value.reveal());
  return std::nullopt;
}

}  // namespace

TEST_CASE("what succeeds is sent once and as it is") {
  transport_script script;
  manual_timing time;
  retrying r(time, generous, script);
  const remote::http_response answer = r.send(request_for());
  CHECK(answer.status == 200);
  CHECK(answer.tries == 1);
  CHECK(script.count() == 1);
  CHECK(time.pauses().empty());
}

TEST_CASE("passing failures are tried again, and only those") {
  for (const int status :
       {200, 204, 206, 304, 400, 401, 403, 404, 405, 409, 412, 416, 501, 505, 507, 408, 429, 500, 502, 503, 504}) {
    CAPTURE(status);
    const bool passing = status == 408 || status == 429 || (status >= 500 && status <= 504 && status != 501);
    transport_script script;
    script.answer([&](const auto&, std::size_t n) { return answer_of(n == 0 ? status : 200); });
    retrying r(manual_timing{}, generous, script);
    const remote::http_response answer = r.send(request_for());
    CHECK(answer.status == (passing ? 200 : status));
    CHECK(answer.tries == (passing ? 2 : 1));
    CHECK(script.count() == answer.tries);
    CHECK(report_of(r).retries == answer.tries - 1);
  }
  for (std::size_t i = 0; i < larder::error_cause_count; ++i) {
    const auto cause = static_cast<error_cause>(i);
    CAPTURE(i);
    const bool passing = cause == error_cause::network || cause == error_cause::timeout;
    transport_script script;
    script.answer([&](const auto&, std::size_t n) {
      if (n == 0) larder::core::fail(cause, "it went wrong");
      return answer_of(200);
    });
    retrying r(manual_timing{}, generous, script);
    std::optional<error_cause> met;
    try {
      r.send(request_for());
    } catch (const larder::error& e) {
      met = e.cause();
      CHECK(std::string_view(e.what()) == "larder: it went wrong");
    }
    CHECK(met == (passing ? std::nullopt : std::optional<error_cause>(cause)));
    CHECK(script.count() == (passing ? 2 : 1));
  }
}

TEST_CASE("the last failure says after how many tries") {
  transport_script script;
  retrying r(manual_timing{}, generous, script);
  script.answer([](const auto&, std::size_t) { return answer_of(503); });
  const remote::http_request request = request_for();
  const remote::http_response answer = r.send(request);
  CHECK(answer.status == 503);
  CHECK(answer.tries == 4);
  CHECK(script.count() == 4);
  try {
    remote::fail_status(request, answer);
  } catch (const larder::error& e) {
    CHECK(e.cause() == error_cause::server);
    CHECK(std::string(e.what()) == "larder: GET http://h/o answered 503; the server is busy, try later (4 tries)");
  }
  script.answer([](const auto&, std::size_t) -> remote::http_response { larder::core::fail(error_cause::timeout, "no answer"); });
  try {
    r.send(request);
    FAIL("an error was expected");
  } catch (const remote::send_error& e) {
    CHECK(e.cause() == error_cause::timeout);
    CHECK(e.tries() == 4);
    CHECK(std::string(e.what()) == "larder: no answer (4 tries)");
  }
}

TEST_CASE("pauses are drawn from twice as much each time, up to the longest") {
  transport_script script;
  script.answer([](const auto&, std::size_t) { return answer_of(500); });
  manual_timing time;
  retrying r(time, {.tries = 6, .base = 100ms, .longest_pause = 500ms, .budget = 1000}, script);
  for (int i = 0; i < 200; ++i) r.send(request_for());
  const auto pauses = time.pauses();
  REQUIRE(pauses.size() == 1000);
  for (std::size_t nth = 0; nth < 5; ++nth) {
    const auto most = std::min<std::chrono::milliseconds>(100ms * (1 << nth), 500ms);
    int short_ones = 0;
    for (std::size_t i = nth; i < pauses.size(); i += 5) {
      CHECK(pauses[i] >= 0ms);
      CHECK(pauses[i] <= most);
      if (pauses[i] < most / 2) ++short_ones;
    }
    CHECK(short_ones > 50);  // of 200 that are short or long by a coin: 7 deviations away
    CHECK(short_ones < 150);
  }
}

TEST_CASE("a server that says when is not asked sooner, nor waited for longer than the longest pause") {
  const auto pause_after = [](std::vector<remote::http_header> headers) {
    transport_script script;
    script.answer([&](const auto&, std::size_t n) { return n == 0 ? answer_of(503, headers) : answer_of(200); });
    manual_timing time;
    retrying r(time, {.base = 0ms, .longest_pause = 10s, .budget = 100}, script);
    CHECK(r.send(request_for()).status == 200);
    REQUIRE(time.pauses().size() == 1);
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.pauses()[0]);
  };
  CHECK(pause_after({}) == 0ms);
  CHECK(pause_after({{"retry-after", "3"}}) == 3s);
  CHECK(pause_after({{"retry-after", "10"}}) == 10s);
  CHECK(pause_after({{"retry-after", "3600"}}) == 10s);
  CHECK(pause_after({{"retry-after", "99999999999999999999"}}) == 0ms);  // no number of seconds: not a wish that can be read
  CHECK(pause_after({{"retry-after", "18446744073709551615"}}) == 10s);
  CHECK(pause_after({{"retry-after", "-3"}}) == 0ms);
  CHECK(pause_after({{"retry-after", "soon"}}) == 0ms);
  CHECK(pause_after({{"retry-after-ms", "1500"}}) == 1500ms);
  CHECK(pause_after({{"x-ms-retry-after-ms", "250"}, {"retry-after", "9"}}) == 250ms);
  // A date: by the server's own clock where it tells it, else by ours, which is 2023-11-14 22:13:20.
  CHECK(pause_after({{"retry-after", "Sun, 06 Nov 1994 08:49:41 GMT"}, {"date", "Sun, 06 Nov 1994 08:49:37 GMT"}}) == 4s);
  CHECK(pause_after({{"retry-after", "Sun, 06 Nov 1994 08:49:41 GMT"}}) == 0ms);
  CHECK(pause_after({{"retry-after", "Tue, 14 Nov 2023 22:13:25 GMT"}}) == 5s);
  CHECK(pause_after({{"retry-after", "Tue, 14 Nov 2023 22:13:25 GMT"}, {"date", "not a date"}}) == 5s);
  CHECK(pause_after({{"retry-after", "Tue, 14 Nov 2033 22:13:25 GMT"}}) == 10s);
  CHECK(pause_after({{"retry-after", "Tuesday, 14-Nov-23 22:13:25 GMT"}}) ==
        0ms);  // a form that no server may send any more: not read
}

TEST_CASE("a pause that would end after the time for the answer is not begun") {
  transport_script script;
  script.answer([](const auto&, std::size_t) { return answer_of(503, {{"retry-after", "2"}}); });
  manual_timing time;
  retrying r(time, {.base = 0ms, .budget = 100}, script);
  remote::http_request request = request_for();
  request.answer_by = time.now() + 5s;
  const remote::http_response answer = r.send(request);
  CHECK(answer.status == 503);
  CHECK(answer.tries == 3);
  CHECK(script.count() == 3);
  CHECK(time.now() == manual_timing::start() + 4s);

  script.answer([&](const auto&, std::size_t) -> remote::http_response {
    time.advance(10s);
    larder::core::fail(error_cause::timeout, "no answer");
  });
  request.answer_by = time.now() + 5s;
  CHECK_THROWS_AS(r.send(request), larder::error);
  CHECK(script.count() == 4);
  CHECK(time.pauses().size() == 2);
}

TEST_CASE("a stop ends a pause") {
  transport_script script;
  script.answer([](const auto&, std::size_t) { return answer_of(503, {{"retry-after", "5"}}); });
  const manual_timing time(manual_timing::when_told);
  retrying r(time, generous, script);
  std::stop_source stop;
  remote::http_request request = request_for();
  request.stop = stop.get_token();
  std::optional<error_cause> met;
  std::thread sender([&] {
    try {
      r.send(request);
    } catch (const larder::error& e) {
      met = e.cause();
    }
  });
  CHECK(larder::test::eventually([&] { return time.waiting() == 1; }));
  stop.request_stop();
  sender.join();
  CHECK(met == error_cause::cancelled);
  CHECK(script.count() == 1);
}

TEST_CASE("only what may be repeated is repeated") {
  for (const std::string method : {"GET", "HEAD", "PUT", "DELETE", "PROPFIND", "POST", "MOVE", "MKCOL", "PATCH"})
    for (const bool says_so : {false, true}) {
      CAPTURE(method);
      CAPTURE(says_so);
      transport_script script;
      script.answer([](const auto&, std::size_t) { return answer_of(503); });
      retrying r(manual_timing{}, generous, script);
      remote::http_request request = request_for(method);
      request.repeatable = says_so;
      CHECK(r.send(request).status == 503);
      CHECK(script.count() ==
            (says_so || method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "PROPFIND"
                 ? 4
                 : 1));
    }
  transport_script script;
  script.answer([](const auto&, std::size_t) { return answer_of(500); });
  retrying r(manual_timing{}, generous, script);
  remote::http_request request = request_for("PUT");
  request.handled_status = 500;  // the protocol knows what that means
  CHECK(r.send(request).tries == 1);
  CHECK(script.count() == 1);
}

TEST_CASE("what never left the process is not sent again") {
  transport_script script;
  script.answer(
      [](const auto&, std::size_t) -> remote::http_response { throw remote::send_error(error_cause::timeout, "in line", 0); });
  retrying r(manual_timing{}, generous, script);
  CHECK_THROWS_AS(r.send(request_for()), remote::send_error);
  CHECK(script.count() == 1);
}

TEST_CASE("what another try would meet again is not sent again") {
  transport_script script;
  script.answer([](const auto&, std::size_t) -> remote::http_response {
    throw remote::send_error(error_cause::network, "a certificate that nobody trusts", 1, true);
  });
  retrying r(manual_timing{}, generous, script);
  CHECK_THROWS_AS(r.send(request_for()), remote::send_error);
  CHECK(script.count() == 1);
}

TEST_CASE("retries are a share of the requests of late, and a few at any time") {
  transport_script script;
  bool ill = false;
  script.answer([&](const auto&, std::size_t) { return answer_of(ill ? 503 : 200); });
  manual_timing time;
  retrying r(time, {.tries = 4, .base = 0ms, .budget = 0.1, .budget_floor = 5, .budget_window = 10s}, script);
  ill = true;
  for (int i = 0; i < 40; ++i) r.send(request_for());
  CHECK(script.count() == 45);  // 40 and the floor
  CHECK(report_of(r).retries == 5);
  CHECK(report_of(r).retries_forgone >= 38);
  time.advance(20s);
  ill = false;
  for (int i = 0; i < 1000; ++i) r.send(request_for());
  ill = true;
  const std::size_t before = script.count();
  for (int i = 0; i < 100; ++i) r.send(request_for());
  CHECK(script.count() - before == 100 + 110);  // a tenth of 1100, the first of them with three retries each
  time.advance(20s);                            // all forgotten
  const std::size_t later = script.count();
  r.send(request_for());
  r.send(request_for());
  CHECK(script.count() - later == 2 + 5);
}

TEST_CASE("a body that broke off on its way to its room is asked for from there, when it is surely the same object") {
  const std::string object = "the quick brown fox jumps over the lazy dog";
  for (const bool part : {false, true}) {
    CAPTURE(part);
    receiving one([&](const auto& request, std::size_t n) {
      return deliver(request, object, "\"v1\"", n == 0 ? 10 : n == 1 ? 7 : std::string::npos);
    });
    if (part) one.request.range = larder::byte_range{4, 30};
    const remote::http_response answer = one.send();
    const std::string wanted = part ? object.substr(4, 30) : object;
    CHECK(one.to.text() == wanted);
    CHECK(one.to.rooms == 1);
    CHECK(answer.landed == wanted.size());
    CHECK(answer.status == (part ? 206 : 200));
    CHECK(answer.tries == 3);
    CHECK(std::is_sorted(one.to.progress.begin(), one.to.progress.end()));
    CHECK(one.to.progress.back() == wanted.size());
    if (part) remote::check_partial_answer(one.request, answer);
    const auto seen = one.script.seen();
    REQUIRE(seen.size() == 3);
    const std::uint64_t from = part ? 4 : 0;
    CHECK_FALSE(header_sent(seen[0], "If-Match"));
    CHECK(header_sent(seen[1], "If-Match") == "\"v1\"");
    CHECK(seen[1].range->offset == from + 10);
    CHECK(seen[1].range->size == wanted.size() - 10);
    CHECK(seen[2].range->offset == from + 17);
    CHECK(seen[2].range->size == wanted.size() - 17);
  }
}

TEST_CASE("where it may be another object, everything is asked for anew") {
  const std::string object = "the quick brown fox jumps over the lazy dog";
  for (const std::string etag : {"", "W/\"v1\"", "v1"}) {
    CAPTURE(etag);
    receiving one(
        [&](const auto& request, std::size_t n) { return deliver(request, object, etag, n == 0 ? 10 : std::string::npos); });
    one.check_receives(object);
    CHECK(one.to.rooms == 2);
    REQUIRE(one.script.count() == 2);
    CHECK_FALSE(one.script.seen()[1].range);
  }
  {  // It changed in between: 412 to the rest, then all of the new one.
    const std::string other = "another and longer object, written while the first one was read";
    receiving one([&](const auto& request, std::size_t n) {
      return n == 0 ? deliver(request, object, "\"v1\"", 10) : deliver(request, other, "\"v2\"");
    });
    const remote::http_response answer = one.send();
    CHECK(answer.status == 200);
    CHECK(answer.landed == other.size());
    CHECK(answer.header("etag") == "\"v2\"");
    CHECK(one.to.text() == other);
    REQUIRE(one.script.count() == 3);
    CHECK(one.script.seen()[1].range);
    CHECK_FALSE(one.script.seen()[2].range);
    CHECK_FALSE(header_sent(one.script.seen()[2], "If-Match"));
  }
  {  // A server that ignores If-Match is found out by the ETag of its answer.
    const std::string other = "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG";
    receiving one([&](remote::http_request request, std::size_t n) {
      request.headers.clear();
      return n == 0 ? deliver(request, object, "\"v1\"", 10) : deliver(request, other, "\"v2\"");
    });
    one.check_receives(other);
  }
  for (const std::string& other :
       {object + " and on", object.substr(0, 20)}) {  // Nor is the ETag believed when the size is another.
    receiving one([&](remote::http_request request, std::size_t n) {
      if (n == 1) request.range->size = 1000;
      return deliver(request, n == 1 ? other : object, "\"v1\"", n == 0 ? 10 : std::string::npos);
    });
    one.check_receives(object);
    CHECK(one.script.count() == 3);
  }
  {  // A part that lies elsewhere is not the rest.
    receiving one([&](remote::http_request request, std::size_t n) {
      if (n == 1) request.range->offset -= 5;
      return deliver(request, object, "\"v1\"", n == 0 ? 10 : std::string::npos);
    });
    one.check_receives(object);
    CHECK(one.script.count() == 3);
  }
  {  // Of another object that breaks off, too, the rest is asked for from where that one broke.
    const std::string other = "another and longer object, written while the first one was read";
    receiving one([&](const auto& request, std::size_t n) {
      return n == 0 ? deliver(request, object, "\"v1\"", 10) : deliver(request, other, "\"v2\"", n == 2 ? 6 : std::string::npos);
    });
    one.check_receives(other);
    REQUIRE(one.script.count() == 4);
    CHECK(one.script.seen()[3].range->offset == 6);
  }
  {  // Of a body that failed behind its last byte there is no rest to ask for.
    receiving one([&](const auto& request, std::size_t n) {
      remote::http_response answer = deliver(request, object, "\"v1\"");
      if (n == 0) larder::core::fail(larder::error_cause::network, "broke off behind the body");
      return answer;
    });
    one.check_receives(object);
    REQUIRE(one.script.count() == 2);
    CHECK_FALSE(one.script.seen()[1].range);
  }
  {  // A protocol that names the part in a header of its own is not asked to mix the two.
    receiving one(
        [&](const auto& request, std::size_t n) { return deliver(request, object, "\"v1\"", n == 0 ? 10 : std::string::npos); });
    one.request.headers.push_back({"X-MS-Range", "bytes=0-99"});
    one.check_receives(object);
    CHECK_FALSE(one.script.seen()[1].range);
  }
}

TEST_CASE("an answer that began in time may break off late, and its rest has as long again to begin") {
  const std::string object = "the quick brown fox jumps over the lazy dog";
  transport_script script;
  manual_timing time;
  script.answer([&](const auto& request, std::size_t n) {
    if (n == 0) {
      time.advance(60s);  // a large body
      return deliver(request, object, "\"v1\"", 10);
    }
    CHECK(request.answer_by > time.now());
    CHECK(request.answer_by <= time.now() + 2s);
    return deliver(request, object, "\"v1\"");
  });
  retrying r(time, generous, script);
  buffer to;
  remote::http_request request = request_for();
  request.into = &to;
  request.answer_by = time.now() + 2s;
  CHECK(r.send(request).landed == object.size());
  CHECK(to.text() == object);
}

TEST_CASE("what the room throws ends the request") {
  struct refusing final : remote::body_target {
    std::span<std::byte> room(const remote::http_response&, std::uint64_t) override { throw std::runtime_error("no room"); }
  } to;
  transport_script script;
  script.answer([&](const auto& request, std::size_t) { return deliver(request, "text", "\"v1\""); });
  retrying r(manual_timing{}, generous, script);
  remote::http_request request = request_for();
  request.into = &to;
  CHECK_THROWS_AS(r.send(request), std::runtime_error);
  CHECK(script.count() == 1);
}

TEST_CASE("retry options that make no sense are refused") {
  transport_script script;
  for (const larder::retry_options& bad :
       {larder::retry_options{.tries = 0}, larder::retry_options{.base = -1ms}, larder::retry_options{.longest_pause = -1ms},
        larder::retry_options{.budget = -0.1}, larder::retry_options{.budget_window = 0ms}})
    CHECK_THROWS_AS(retrying(manual_timing{}, bad, script), larder::error);
  retrying once(manual_timing{}, {.tries = 1}, script);
  script.answer([](const auto&, std::size_t) { return answer_of(503); });
  CHECK(once.send(request_for()).tries == 1);
  CHECK(script.count() == 1);
}
