#include <larder/remote/hedge.hpp>

#include "scripted_transport.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
namespace remote = larder::remote;
using larder::error_cause;
using larder::test::answer_of;
using larder::test::eventually;
using larder::test::manual_timing;
using larder::test::report_of;
using larder::test::request_for;
using larder::test::transport_script;
using hedging = remote::hedge<larder::test::scripted_transport, manual_timing>;

static_assert(remote::http_transport<hedging>);

/// Blocks until the request's stop is requested, then fails as the transport does.
[[noreturn]] void hang(const remote::http_request& request, std::atomic<int>* stopped = nullptr) {
  CHECK(eventually([&] { return request.stop.stop_requested(); }));
  if (stopped != nullptr) ++*stopped;
  larder::core::fail(error_cause::cancelled, "stopped");
}

/// A hedge that has seen so many requests of 10 ms each.
struct setup {
  explicit setup(std::size_t known = 200, const larder::hedge_options& options = {}) : h(time, options, script) {
    script.answer([this](const auto&, std::size_t) {
      time.advance(10ms);
      return answer_of(200);
    });
    for (std::size_t i = 0; i < known; ++i) h.send(request_for());
  }
  transport_script script;
  manual_timing time{manual_timing::when_told};
  hedging h;
};

}  // namespace

TEST_CASE("what is late is sent a second time, the first answer is taken and the loser stopped") {
  setup s;
  std::atomic<int> stopped{0};
  const std::size_t before = s.script.count();
  s.script.answer([&](const remote::http_request& request, std::size_t n) {
    if (n == before) {
      CHECK(eventually([&] { return s.time.waiting() == 1; }));
      s.time.advance(13ms);  // 1.3 of the usual 10 ms
      hang(request, &stopped);
    }
    return answer_of(200, {}, "second");
  });
  const remote::http_response answer = s.h.send(request_for());
  CHECK(answer.body.text() == "second");
  CHECK(stopped == 1);
  CHECK(s.script.count() == before + 2);
  CHECK(report_of(s.h).hedges == 1);
  CHECK(report_of(s.h).hedge_wins == 1);
}

TEST_CASE("a second that loses is stopped") {
  std::atomic<int> stopped{0};
  {
    setup s;
    std::atomic<bool> second_came{false};
    const std::size_t before = s.script.count();
    s.script.answer([&](const remote::http_request& request, std::size_t n) {
      if (n == before) {
        CHECK(eventually([&] { return s.time.waiting() == 1; }));
        s.time.advance(14ms);
        CHECK(eventually([&] { return second_came.load(); }));
        return answer_of(200, {}, "first");
      }
      second_came = true;
      hang(request, &stopped);
    });
    CHECK(s.h.send(request_for()).body.text() == "first");
    CHECK(report_of(s.h).hedges == 1);
    CHECK(report_of(s.h).hedge_wins == 0);
  }
  CHECK(stopped == 1);
}

TEST_CASE("what is in time is sent once, and nothing is hedged before enough is known") {
  setup s;
  for (int i = 0; i < 300; ++i) s.h.send(request_for());
  CHECK(s.script.count() == 500);
  CHECK(report_of(s.h).hedges == 0);

  setup young(199);
  const std::size_t before = young.script.count();
  young.script.answer([&](const auto&, std::size_t) {
    CHECK(young.time.waiting() == 0);  // nobody watches
    young.time.advance(10s);
    return answer_of(200);
  });
  young.h.send(request_for());
  CHECK(young.script.count() == before + 1);
}

TEST_CASE("the body of a second that wins is copied into the room when the first is over") {
  setup s;
  struct lent_room final : remote::body_target {
    std::span<std::byte> room(const remote::http_response& head, std::uint64_t size) override {
      CHECK(first_is_over);
      CHECK(head.status == 206);
      CHECK(size == 6);
      return std::span(bytes).first(given);
    }
    void landed(std::uint64_t filled) override { most = filled; }
    std::array<std::byte, 8> bytes{};
    std::size_t given = 8;
    std::uint64_t most = 0;
    std::atomic<bool> first_is_over{false};
  } to;
  const auto race = [&] {
    const std::size_t before = s.script.count();
    s.script.answer([&, before](const remote::http_request& request, std::size_t n) {
      if (n == before) {
        CHECK(request.into == &to);
        CHECK(eventually([&] { return s.time.waiting() == 1; }));
        s.time.advance(1s);
        CHECK(eventually([&] { return request.stop.stop_requested(); }));
        to.first_is_over = true;
        larder::core::fail(error_cause::cancelled, "stopped");
      }
      CHECK(request.into == nullptr);
      return answer_of(206, {}, "second");
    });
    remote::http_request request = request_for();
    request.range = larder::byte_range{0, 6};
    request.into = &to;
    return s.h.send(request);
  };
  const remote::http_response answer = race();
  CHECK(answer.landed == 6);
  CHECK(answer.body.empty());
  CHECK(to.most == 6);
  CHECK(std::memcmp(to.bytes.data(), "second\0\0", 8) == 0);
  to.given = 5;
  to.first_is_over = false;
  CHECK_THROWS_WITH_AS(race(), doctest::Contains("room for 5 bytes was lent for an answer of 6"), larder::error);
}

TEST_CASE("a second that says the server is busy does not win, and the first goes on") {
  setup s;
  std::atomic<bool> second_answered{false};
  const std::size_t before = s.script.count();
  s.script.answer([&](const remote::http_request& request, std::size_t n) {
    if (n == before) {
      CHECK(eventually([&] { return s.time.waiting() == 1; }));
      s.time.advance(14ms);
      CHECK(eventually([&] { return second_answered.load(); }));
      CHECK(eventually([&] { return report_of(s.h).hedges == 1; }));
      CHECK_FALSE(request.stop.stop_requested());
      return answer_of(200, {}, "first");
    }
    second_answered = true;
    return answer_of(503, {}, "second");
  });
  CHECK(s.h.send(request_for()).body.text() == "first");
  CHECK(report_of(s.h).hedge_wins == 0);
}

TEST_CASE("a second that finds nothing wins, and its body is not taken for the object's") {
  setup s;
  struct no_room final : remote::body_target {
    std::span<std::byte> room(const remote::http_response&, std::uint64_t) override {
      FAIL("a refusal has no place in the room");
      return {};
    }
  } to;
  const std::size_t before = s.script.count();
  s.script.answer([&](const remote::http_request& request, std::size_t n) {
    if (n == before) {
      CHECK(eventually([&] { return s.time.waiting() == 1; }));
      s.time.advance(14ms);
      hang(request);
    }
    return answer_of(404, {}, "no such object");
  });
  remote::http_request request = request_for();
  request.into = &to;
  const remote::http_response answer = s.h.send(request);
  CHECK(answer.status == 404);
  CHECK_FALSE(answer.landed);
  CHECK(answer.body.text() == "no such object");
  CHECK(report_of(s.h).hedge_wins == 1);
}

TEST_CASE("only GETs of little are hedged") {
  setup s;
  std::vector<remote::http_request> plain;
  for (const char* method : {"HEAD", "PUT", "DELETE", "PROPFIND"}) plain.push_back(request_for(method));
  plain.push_back(request_for());
  plain.back().range = larder::byte_range{0, larder::hedge_options{}.largest + 1};
  s.script.answer([&](const remote::http_request& request, std::size_t) {
    CHECK(s.time.waiting() == 0);
    CHECK_FALSE(request.stop.stop_possible());
    return answer_of(200);
  });
  for (const remote::http_request& request : plain) s.h.send(request);
  s.script.answer([&](const remote::http_request& request, std::size_t) {
    CHECK(request.stop.stop_possible());
    return answer_of(200);
  });
  remote::http_request range = request_for();
  range.range = larder::byte_range{0, larder::hedge_options{}.largest};
  s.h.send(range);
  s.h.send(request_for());
}

TEST_CASE("at most one request in twenty is sent twice") {
  setup s(400);
  std::mutex mutex;
  std::set<std::string> met;
  s.script.answer([&](const remote::http_request& request, std::size_t) {
    bool first = false;
    {
      const std::lock_guard lock(mutex);
      first = met.insert(request.target.path).second;
    }
    if (!first) return answer_of(200);
    const auto hedged_before = report_of(s.h).hedges;
    CHECK(eventually([&] { return s.time.waiting() == 1; }));
    int calm = 0;           // the watch has no more to watch when it does not come back
    CHECK(eventually([&] {  // late by whatever is usual now
      s.time.advance(1ms);
      calm = s.time.waiting() == 0 ? calm + 1 : 0;
      return report_of(s.h).hedges != hedged_before || calm == 20;
    }));
    return answer_of(200);
  });
  for (int i = 0; i < 60; ++i) s.h.send(request_for("GET", "http://h/" + std::to_string(i)));
  CHECK(report_of(s.h).hedges <= (400 + 60) / 20);
  CHECK(report_of(s.h).hedges >= 1);
}

TEST_CASE("when the first fails the second counts, and when both fail the first one's failure") {
  for (const bool second_is_good : {true, false})
    for (const bool by_status : {true, false}) {
      CAPTURE(second_is_good);
      CAPTURE(by_status);
      setup s;
      std::atomic<bool> second_came{false};
      std::atomic<bool> go{false};
      const std::size_t before = s.script.count();
      s.script.answer([&](const remote::http_request&, std::size_t n) {
        if (n == before) {
          CHECK(eventually([&] { return s.time.waiting() == 1; }));
          s.time.advance(14ms);
          CHECK(eventually([&] { return second_came.load(); }));
          go = true;
          if (by_status) return answer_of(503, {}, "first");
          larder::core::fail(error_cause::network, "the first");
        }
        second_came = true;
        CHECK(eventually([&] { return go.load(); }));
        if (!second_is_good) larder::core::fail(error_cause::timeout, "the second");
        return answer_of(200, {}, "second");
      });
      std::string got;
      try {
        got = std::string(s.h.send(request_for()).body.text());
      } catch (const larder::error& e) {
        got = e.what();
      }
      CHECK(got == (second_is_good ? "second" : by_status ? "first" : "larder: the first"));
    }
}

TEST_CASE("the caller's stop reaches both") {
  setup s;
  std::atomic<int> came{0};
  std::atomic<int> stopped{0};
  s.script.answer([&](const remote::http_request& request, std::size_t n) -> remote::http_response {
    ++came;
    if (n == 200) {
      CHECK(eventually([&] { return s.time.waiting() == 1; }));
      s.time.advance(14ms);
    }
    hang(request, &stopped);
  });
  std::stop_source stop;
  remote::http_request request = request_for();
  request.stop = stop.get_token();
  std::optional<error_cause> met;
  std::thread sender([&] {
    try {
      s.h.send(request);
    } catch (const larder::error& e) {
      met = e.cause();
    }
  });
  CHECK(eventually([&] { return came == 2; }));
  stop.request_stop();
  sender.join();
  CHECK(met == error_cause::cancelled);
  CHECK(stopped == 2);
}

TEST_CASE("many threads, with hedges among them, get their own answers") {
  transport_script script;
  std::atomic<std::size_t> late{0};
  remote::hedge<larder::test::scripted_transport> h({}, {.samples = 20, .budget = 0.5}, script);
  script.answer([&](const remote::http_request& request, std::size_t n) {
    if (n > 100 && n % 23 == 0) {  // late for as long as it is not stopped, or a bounded while
      ++late;
      const auto end = std::chrono::steady_clock::now() + 50ms;
      while (!request.stop.stop_requested() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
      if (request.stop.stop_requested()) larder::core::fail(error_cause::cancelled, "stopped");
    }
    return answer_of(200, {}, request.target.path);
  });
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string path = "/" + std::to_string(t) + "-" + std::to_string(i);
        if (h.send(request_for("GET", "http://h" + path)).body.text() != path) ++wrong;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(late > 0);
}

TEST_CASE("it can be switched off, and options that make no sense are refused") {
  setup off(300, {.on = false});
  off.script.answer([&](const remote::http_request& request, std::size_t) {
    CHECK_FALSE(request.stop.stop_possible());
    return answer_of(200);
  });
  off.h.send(request_for());
  transport_script script;
  for (const larder::hedge_options& bad :
       {larder::hedge_options{.quantile = 0}, larder::hedge_options{.quantile = 1}, larder::hedge_options{.factor = 0.5},
        larder::hedge_options{.samples = 513}, larder::hedge_options{.budget = -1}, larder::hedge_options{.budget_window = 0ms}})
    CHECK_THROWS_AS(hedging(manual_timing{}, bad, script), larder::error);
}
