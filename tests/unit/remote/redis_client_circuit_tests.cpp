// The client over servers that are down, silent or ill: when they are left alone, how long a look-up takes, what is tried twice.

#include <larder/core/remote_report.hpp>
#include <larder/remote/redis_client.hpp>
#include <support/redis_script.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/patient_timeouts.hpp"
#include "support/refusal.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::error_cause;
using larder::remote_report;
using larder::remote_state;
using larder::remote::redis_client;
using larder::remote::redis_command;
using larder::remote::redis_connection;
using larder::remote::redis_exchange;
using larder::remote::redis_reply;
using larder::remote::redis_settings;

/// One that stays as it is once it is open, as far as a test can tell.
constexpr larder::circuit_breaker_options once{.pause = 1h, .longest_pause = 1h};

redis_settings at(std::uint16_t port, const larder::circuit_breaker_options& breaker = once) {
  redis_settings out;
  out.address = {"127.0.0.1", port, {}};
  out.login.timeouts = patient;
  out.breaker = breaker;
  return out;
}

struct outcome : refusal {
  redis_reply answer{};
};
outcome get(redis_client& client, std::string_view key = "k", const redis_exchange& how = {}) {
  outcome out;
  static_cast<refusal&>(out) = refusal_of([&] { out.answer = client.ask(key, {"GET", key}, how); });
  return out;
}
remote_report report_of(const redis_client& client) {
  remote_report out;
  client.add_to(out);
  return out;
}

/// Answers each command with what a function says, until that is nothing: then the connection ends.
std::function<void(redis_script::peer&)> answering(std::function<std::string()> answer) {
  return [answer = std::move(answer)](redis_script::peer& peer) {
    while (!peer.command().empty()) {
      const std::string text = answer();
      if (text.empty()) return;
      peer.say(text);
    }
  };
}

TEST_CASE("a server that breaks off each time is left alone: nothing is connected to or sent, and the failure says why") {
  redis_script server(answering([] { return std::string(); }));
  redis_client client(at(server.port()));
  for (int i = 0; i < 3; ++i) CHECK(get(client).cause == error_cause::network);  // each was tried twice
  CHECK(server.connections() == 6);
  for (int i = 0; i < 10; ++i) {
    const outcome refused = get(client);
    CHECK(refused.cause == error_cause::network);
    CHECK(refused.message.starts_with("larder: a request to redis at 127.0.0.1:" + std::to_string(server.port()) +
                                      " was not sent: the server failed lately (6 times in a row, at last: network failure); "
                                      "it is tried again in "));
  }
  CHECK(server.connections() == 6);
  const remote_report report = report_of(client);
  CHECK(report.state == remote_state::degraded);
  CHECK(report.breaker_openings == 1);
  CHECK(report.refused_by_breaker == 10);
  CHECK(report.degraded_time.count() > 0);
  CHECK(report.requests == 6);
  CHECK(report.retries == 3);
}

TEST_CASE("a server that takes connections and says nothing is left alone after as many time-outs") {
  redis_script server([](redis_script::peer& peer) { peer.linger_on(); });
  redis_settings settings = at(server.port(), {.failures = 2, .pause = 1h, .longest_pause = 1h});
  settings.login.timeouts.first_byte = 50ms;
  redis_client client(settings);
  for (int i = 0; i < 2; ++i) CHECK(get(client).cause == error_cause::timeout);  // silence is not tried again
  CHECK(get(client).message.find("was not sent: the server failed lately (2 times in a row, at last: timeout failure)") !=
        std::string::npos);
  CHECK(report_of(client).requests == 2);
}

TEST_CASE("one that says it is loading, busy or without its cluster is left alone, one that refuses is not") {
  std::mutex mutex;
  std::string said;
  const auto say = [&](const std::string& text) {
    const std::lock_guard guard(mutex);
    said = text;
  };
  redis_script server(answering([&] {
    const std::lock_guard guard(mutex);
    return said;
  }));
  for (const std::string code : {"LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN"}) {
    redis_client client(at(server.port()));
    say("-" + code + " in the server's words\r\n");
    for (int i = 0; i < 5; ++i) CHECK(get(client).message.find("answered " + code + ";") != std::string::npos);
    CHECK(get(client).message.find("(5 times in a row, at last: answered " + code + ");") != std::string::npos);
    CHECK(report_of(client).requests == 5);
  }
  for (const std::string code : {"NOAUTH", "WRONGPASS", "NOPERM", "OOM", "READONLY", "NOREPLICAS", "MISCONF", "CROSSSLOT",
                                 "WRONGTYPE", "NOSCRIPT", "ERR"}) {
    redis_client client(at(server.port()));
    const auto fail_nearly = [&] {
      say("-LOADING\r\n");
      for (int i = 0; i < 4; ++i) CHECK(get(client).cause);
    };
    fail_nearly();
    say("-" + code + " in the server's words\r\n");
    CHECK(get(client).cause);  // it is alive
    fail_nearly();
    CHECK(report_of(client).state == remote_state::healthy);
  }
  redis_client client(at(server.port()));
  say("-LOADING\r\n");  // tolerance of single refusals is none of this
  for (int i = 0; i < 6; ++i) get(client, "k", {.tolerant = true});
  CHECK(report_of(client).breaker_openings == 1);
}

TEST_CASE("a request that tries the server after the pause brings it back") {
  std::atomic<bool> well{false};
  redis_script server(answering([&] { return well ? std::string("+there\r\n") : std::string("-LOADING\r\n"); }));
  redis_client client(at(server.port(), {.pause = 1ms, .longest_pause = 2ms}));
  for (int i = 0; i < 5; ++i) CHECK(get(client).cause == error_cause::server);
  CHECK(report_of(client).state == remote_state::degraded);
  well = true;
  CHECK(support::eventually([&] { return get(client).answer.text == "there"; }));
  for (int i = 0; i < 10; ++i) CHECK(get(client).answer.text == "there");
  const remote_report report = report_of(client);
  CHECK(report.state == remote_state::healthy);
  CHECK(report.breaker_openings == 1);
  CHECK(report.degraded_time >= 1ms);
  CHECK(report_of(client).degraded_time == report.degraded_time);
}

TEST_CASE("what waited for a connection in vain, or was stopped, says nothing about the server") {
  redis_script server(answering([] { return std::string("+there\r\n"); }));
  redis_settings settings = at(server.port(), {.failures = 1, .pause = 1h, .longest_pause = 1h});
  settings.connections = 1;
  settings.lookup_budget = 20ms;
  redis_client client(settings);
  const redis_command command{"GET", "k"};
  client.run("k", {&command, 1}, [&](std::size_t, redis_connection& connection) {
    connection.reply();
    for (int i = 0; i < 3; ++i) CHECK(get(client, "k", {.lookup = true}).cause == error_cause::timeout);
    std::stop_source stop;
    stop.request_stop();
    CHECK(get(client, "k", {.stop = stop.get_token()}).cause == error_cause::cancelled);
  });
  CHECK(report_of(client).state == remote_state::healthy);
  CHECK(report_of(client).lookups_over_budget == 3);
  CHECK(get(client).answer.text == "there");
}

TEST_CASE("a look-up has its time until an answer begins, and no other request has") {
  redis_script server([](redis_script::peer& peer) {
    if (peer.command().front() == "GET") return peer.linger_on();
    peer.say("+there\r\n");
    peer.linger_on();
  });
  redis_settings settings = at(server.port());
  settings.lookup_budget = 100ms;
  redis_client client(settings);
  const outcome late = get(client, "k", {.lookup = true});
  CHECK(late.cause == error_cause::timeout);
  CHECK(late.message.find("no answer began within the time that the look-up had") != std::string::npos);
  CHECK(report_of(client).lookups_over_budget == 1);

  settings.lookup_budget = 20s;
  settings.login.timeouts.first_byte = 50ms;  // the shorter time counts
  redis_client hasty(settings);
  CHECK(get(hasty, "k", {.lookup = true}).message.find("no answer began within 50 ms") != std::string::npos);
  CHECK(report_of(hasty).lookups_over_budget == 0);
  settings.lookup_budget = 1ms;
  settings.login.timeouts.first_byte = 100ms;
  redis_client put(settings);
  CHECK(get(put).message.find("no answer began within 100 ms") != std::string::npos);
  CHECK(report_of(put).lookups_over_budget == 0);
}

TEST_CASE("a look-up whose answer began in time may take longer") {
  redis_script server(answering([] { return std::string("+there\r\n"); }));
  redis_settings settings = at(server.port());
  settings.pipeline = 1;  // each command waits for the answer to the one before
  settings.lookup_budget = 1s;
  redis_client client(settings);
  CHECK(get(client).answer.text == "there");  // now there is a connection
  const std::vector<redis_command> commands(2, redis_command{"GET", "k"});
  const auto end = std::chrono::steady_clock::now() + settings.lookup_budget + 1ms;
  std::size_t taken = 0;
  client.run("k", commands,
             [&](std::size_t, redis_connection& connection) {
               CHECK(connection.reply().text == "there");
               ++taken;
               std::this_thread::sleep_until(end);  // a slow reader: the look-up's time is over
             },
             {.lookup = true});
  CHECK(taken == 2);
}

TEST_CASE("a connection that breaks before an answer began is tried once more, where that does no harm") {
  std::atomic<int> served{0};
  redis_script server([&](redis_script::peer& peer) {
    const bool second = ++served == 2;
    if (peer.command().empty() || !second) return;
    peer.say("+there\r\n");
    if (!peer.command().empty()) peer.say("$5\r\nhe");
  });
  redis_client client(at(server.port()));
  CHECK(get(client).answer.text == "there");
  CHECK(report_of(client).requests == 2);
  CHECK(report_of(client).retries == 1);
  CHECK(get(client).cause == error_cause::network);  // an answer had begun
  CHECK(get(client, "k", {.repeatable = false}).cause == error_cause::network);
  CHECK(report_of(client).retries == 1);
  CHECK(server.connections() == 3);
}

TEST_CASE("nobody who listens is not tried again at once") {
  redis_client client(at(1));
  for (int i = 0; i < 5; ++i) CHECK(get(client).message.find("cannot be reached") != std::string::npos);
  CHECK(get(client).message.find("was not sent") != std::string::npos);
  CHECK(report_of(client).requests == 5);
}

TEST_CASE("each server of a cluster is left alone for itself, and is forgotten once the cluster does without it") {
  std::atomic<bool> failed_over{false};
  redis_script dead(answering([] { return std::string(); }));
  redis_script* self = nullptr;
  redis_script alive([&](redis_script::peer& peer) {
    for (std::vector<std::string> words = peer.command(); !words.empty(); words = peer.command()) {
      const std::string port = std::to_string(self->port());
      if (words.front() == "CLUSTER")
        peer.say(failed_over ? "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:" + port + "\r\n" : "*0\r\n");
      else if (words.back() == "lost" && !failed_over)
        peer.say("-MOVED " + std::to_string(larder::remote::redis_slot("lost")) + " 127.0.0.1:" + std::to_string(dead.port()) +
                 "\r\n");
      else
        peer.say("+there\r\n");
    }
  });
  self = &alive;
  redis_client client(at(alive.port()));
  for (int i = 0; i < 5; ++i) CHECK(get(client, "lost").cause == error_cause::network);
  const int connections = dead.connections();
  for (int i = 0; i < 10; ++i) {
    CHECK(get(client, "lost").message.find(std::to_string(dead.port()) + " was not sent") != std::string::npos);
    CHECK(get(client, "k").answer.text == "there");
  }
  CHECK(dead.connections() == connections);
  CHECK(report_of(client).state == remote_state::degraded);
  CHECK(report_of(client).breaker_openings == 1);
  failed_over = true;
  client.for_each_server([](auto&&) {});  // asks who serves what
  CHECK(report_of(client).state == remote_state::healthy);
  CHECK(get(client, "lost").answer.text == "there");
}

TEST_CASE("many threads find out that a server is gone, and that it is back") {
  std::atomic<bool> well{false};
  redis_script server(answering([&] { return well ? std::string("+there\r\n") : std::string(); }));
  redis_client client(at(server.port(), {.pause = 1ms, .longest_pause = 2ms}));
  std::atomic<int> back{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      CHECK(support::eventually([&] { return report_of(client).refused_by_breaker > 0 || get(client).answer.text == "there"; }));
      well = true;
      back += support::eventually([&] { return get(client).answer.text == "there"; }) ? 1 : 0;
    });
  for (std::thread& each : threads) each.join();
  CHECK(back == 4);
  CHECK(report_of(client).state == remote_state::healthy);
}

TEST_CASE("a breaker or a budget that makes no sense is refused before anything is sent") {
  CHECK_THROWS_AS(redis_client(at(1, {.failures = 0})), larder::error);
  redis_settings settings = at(1);
  settings.lookup_budget = -1ms;
  CHECK_THROWS_AS(redis_client{settings}, larder::error);
}

}  // namespace
