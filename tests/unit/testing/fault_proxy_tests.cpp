#include <larder/testing/blob_server.hpp>
#include <larder/testing/fault_proxy.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/talk.hpp"

namespace {

using namespace std::chrono_literals;
using larder::testing::blob_server;
using larder::testing::fault;
using larder::testing::fault_kind;
using larder::testing::fault_proxy;
using larder::testing::fault_script;
using support::talk;

const std::string get = "GET /o HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

std::string ask(const fault_proxy& proxy, const std::string& text) { return support::talk_to(proxy.port(), text); }
std::string put(const std::string& body, const std::string& headers = "Connection: close\r\n") {
  return "PUT /o HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}
int status(const std::string& answer) { return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3)); }
std::string body(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

/// A server of 300,000 bytes that tell their place, and the proxy before it.
struct pair {
  pair() {
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
    server.store("/o", larder::bytes::copy_of(text));
  }
  std::string text = std::string(300'000, ' ');
  blob_server server;
  fault_proxy proxy{server.port()};
};

TEST_CASE("what meets no fault goes through unchanged, many requests on a connection") {
  pair p;
  talk direct(p.server.port());
  direct.say(get);
  CHECK(ask(p.proxy, get) == direct.hear());
  const std::string kept = "GET /o HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string all = ask(p.proxy, kept + kept + "HEAD /o HTTP/1.1\r\nHost: x\r\n\r\n" + put(p.text, "") + get);
  std::size_t at = 0;
  for (const std::string expected : {"200 -", "200 -", "200 -", "204 -", "200 -"}) {
    at = all.find("HTTP/1.1 " + expected, at) + 1;
    REQUIRE(at != 0);
  }
  CHECK(all.size() > 3 * p.text.size());
  CHECK(all.size() < 3 * p.text.size() + 1000);
  CHECK(all.ends_with(p.text));
  CHECK(p.proxy.requests() == 6);
  CHECK(p.proxy.connections() == 2);
  CHECK(p.proxy.faults_met() == 0);
  CHECK(p.server.counts()["GET"] == 5);
}

TEST_CASE("bodies of chunks, and those that the connection's end ends, go through and are counted by their content") {
  pair p;
  p.server.inject(
      {.kind = fault_kind::verbatim,
       .reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n4\r\ndefg\r\n0\r\nT: v\r\n\r\n"});
  p.proxy.inject({.kind = fault_kind::flip_byte, .after = 4});
  CHECK(body(ask(p.proxy, get)) == "3;x=y\r\nabc\r\n4\r\nddfg\r\n0\r\nT: v\r\n\r\n");
  p.server.inject({.kind = fault_kind::verbatim,
                   .reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"});
  p.proxy.inject({.kind = fault_kind::truncate, .after = 5});
  CHECK(body(ask(p.proxy, get)) == "3\r\nabc\r\n4\r\nde");
  p.server.inject({.kind = fault_kind::verbatim, .reply = "HTTP/1.1 200 OK\r\n\r\nto the end"});
  CHECK(body(ask(p.proxy, get)) == "to the end");
  CHECK(p.proxy.body_bytes_out() == 7 + 5 + 10);
}

TEST_CASE("a body is damaged, cut or reset where the fault says") {
  pair p;
  for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{299'999}}) {
    CAPTURE(at);
    p.proxy.inject({.kind = fault_kind::flip_byte, .after = at});
    std::string damaged = p.text;
    damaged[at] ^= 1;
    CHECK(body(ask(p.proxy, get)) == damaged);
    p.proxy.inject({.kind = fault_kind::truncate, .after = at});
    const std::string cut = ask(p.proxy, get);
    CHECK(body(cut) == p.text.substr(0, at));
    CHECK(cut.find("Content-Length: 300000") != std::string::npos);
  }
  for (const std::size_t at : {std::size_t{0}, std::size_t{1000}}) {
    p.proxy.inject({.kind = fault_kind::reset, .after = at});
    talk client(p.proxy.port());
    client.say(get);
    CHECK(body(client.hear()).size() <= at);
    CHECK(client.error == ECONNRESET);
  }
  CHECK(p.server.counts()["GET"] == 8);  // each of them was carried out
}

TEST_CASE("answers of the proxy's own never reach the server, and keep the connection") {
  pair p;
  p.proxy.inject({.kind = fault_kind::status, .status = 503, .retry_after = "7"});
  p.proxy.inject({.kind = fault_kind::status, .status = 429, .retry_after = "Fri, 20 Nov 2026 16:45:57 GMT"});
  p.proxy.inject({.kind = fault_kind::redirect, .location = "http://127.0.0.2/x"});
  p.proxy.inject({.kind = fault_kind::redirect, .status = 307, .location = "/y"});
  talk client(p.proxy.port());
  for (int i = 0; i < 4; ++i) client.say(put(p.text, ""));
  client.say(get);
  const std::string all = client.hear();
  std::size_t at = 0;
  for (const char* expected :
       {"503 -\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", "429 -\r\nRetry-After: Fri, 20 Nov 2026 16:45:57 GMT\r\n",
        "302 -\r\nLocation: http://127.0.0.2/x\r\n", "307 -\r\nLocation: /y\r\n", "200 -\r\n"}) {
    CAPTURE(expected);
    at = all.find(expected, at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(p.server.counts()["PUT"] == 0);
  p.proxy.inject({.kind = fault_kind::verbatim, .reply = "hello"});
  CHECK(ask(p.proxy, get) == "hello");
  p.proxy.inject({.kind = fault_kind::close});
  CHECK(ask(p.proxy, get).empty());
  CHECK(p.server.counts()["GET"] == 1);
  p.proxy.inject({.kind = fault_kind::lose_answer});
  CHECK(ask(p.proxy, "DELETE /o HTTP/1.1\r\nHost: x\r\n\r\n").empty());
  CHECK(p.server.paths().empty());
}

TEST_CASE("a range is kept from the server, and lines are added to its answer") {
  pair p;
  const std::string part = "GET /o HTTP/1.1\r\nHost: x\r\nrAnGe: bytes=1-3\r\nX-Range: y\r\nConnection: close\r\n\r\n";
  CHECK(body(ask(p.proxy, part)) == "bcd");
  p.proxy.inject({.kind = fault_kind::ignore_range});
  CHECK(status(ask(p.proxy, part)) == 200);
  p.proxy.inject({.kind = fault_kind::header_lines, .reply = "Content-Length: 5\r\nno colon\r\n"});
  const std::string answer = ask(p.proxy, part);
  CHECK(answer.find("Content-Length: 5\r\nno colon\r\n\r\nbcd") != std::string::npos);
}

TEST_CASE("leave to send a body is asked for and given through the proxy") {
  pair p;
  talk client(p.proxy.port());
  client.say("PUT /new HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  CHECK(client.hear(25) == "HTTP/1.1 100 Continue\r\n\r\n");
  client.say("text");
  CHECK(status(client.hear()) == 201);
  CHECK(p.server.object("/new")->text() == "text");
  p.proxy.inject({.status = 507});
  talk refused(p.proxy.port());
  refused.say("PUT /new HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  CHECK(status(refused.hear()) == 507);  // without the body, and the connection is closed
}

TEST_CASE("a delay, a slow line, a stall and a black hole keep a client waiting until it goes, or they are released") {
  pair p;
  p.proxy.inject({.kind = fault_kind::delay, .pause = 30ms});
  const auto before = std::chrono::steady_clock::now();
  CHECK(body(ask(p.proxy, get)) == p.text);
  CHECK(std::chrono::steady_clock::now() - before >= 30ms);  // as below a lower bound, which no busy machine breaks
  p.proxy.inject({.kind = fault_kind::slow,
                  .bytes_per_second = 3'000'000});  // 300,000 bytes: a tenth of a second less what may be caught up
  const auto slow = std::chrono::steady_clock::now();
  CHECK(body(ask(p.proxy, get)) == p.text);
  CHECK(std::chrono::steady_clock::now() - slow >= 40ms);

  for (const fault& f : std::vector<fault>{{.kind = fault_kind::delay, .pause = std::chrono::hours(1)},
                                           {.kind = fault_kind::slow, .bytes_per_second = 1},
                                           {.kind = fault_kind::stall},
                                           {.kind = fault_kind::black_hole}}) {
    p.proxy.inject(f);
    const std::uint64_t met = p.proxy.faults_met();
    talk leaves(p.proxy.port());
    leaves.say(get);
    while (p.proxy.faults_met() == met) std::this_thread::yield();
    if (f.kind != fault_kind::slow) CHECK_FALSE(leaves.hears_something());
  }
  for (const fault& f : std::vector<fault>{
           {.kind = fault_kind::stall, .after = 1000}, {.kind = fault_kind::stall}, {.kind = fault_kind::black_hole}}) {
    p.proxy.inject(f);
    talk client(p.proxy.port());
    client.say(get);
    std::atomic<bool> ended{false};
    std::string heard;
    std::thread hearing([&] {
      heard = client.hear();
      ended = true;
    });
    while (!ended) {
      p.proxy.release();
      std::this_thread::yield();
    }
    hearing.join();
    CHECK(body(heard) == p.text.substr(0, f.after));
  }
}

TEST_CASE("a proxy that holds requests goes without waiting for them") {
  blob_server server;
  server.store("/o", larder::bytes::copy_of("text", 4));
  std::vector<std::thread> clients;
  {
    fault_proxy proxy(server.port());
    proxy.inject({.kind = fault_kind::stall, .after = 2});
    proxy.inject({.kind = fault_kind::black_hole});
    proxy.inject({.kind = fault_kind::delay, .pause = std::chrono::hours(1)});
    for (int i = 0; i < 3; ++i) clients.emplace_back([&] { ask(proxy, get); });
    while (proxy.faults_met() < 3) std::this_thread::yield();
  }
  for (std::thread& c : clients) c.join();
}

TEST_CASE("a server that is not there, or goes, ends the connection") {
  std::uint16_t port = 0;
  {
    blob_server server;
    port = server.port();
    fault_proxy proxy(port);
    CHECK(status(ask(proxy, get)) == 404);
    server.inject({.kind = fault_kind::close});
    CHECK(ask(proxy, get).empty());
  }
  fault_proxy proxy(port);
  CHECK(ask(proxy, get).empty());
  blob_server server;
  fault_proxy other(server.port());
  CHECK(ask(other, "nonsense\r\n\r\n").empty());
}

TEST_CASE("a server that closes a connection between requests closes the client's, too") {
  std::optional<blob_server> server(std::in_place);
  fault_proxy proxy(server->port());
  talk client(proxy.port());
  client.say("GET /absent HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string expected = "HTTP/1.1 404 -\r\nContent-Length: 0\r\n\r\n";
  CHECK(client.hear(expected.size()) == expected);
  server.reset();
  CHECK(client.hear().empty());
}

TEST_CASE("a script skips, repeats, and takes its chances by seed") {
  fault_script script;
  const auto meets = [&](int requests, std::string_view method = "GET") {
    std::string out;
    for (int i = 0; i < requests; ++i) out += script.next(method) ? 'x' : '.';
    return out;
  };
  script.add({.times = 2, .skip = 3});
  CHECK(script.pending() == 2);
  CHECK(meets(7) == "...xx..");
  script.add({.times = 2, .method = "PUT", .of = 3});
  CHECK(script.pending() == 0);
  CHECK(meets(3) == "...");
  CHECK(meets(7, "PUT") == "xx.xx.x");
  script.clear();
  script.add({.times = fault::always});
  CHECK(meets(4) == "xxxx");
  script.clear();
  CHECK(meets(4) == "....");

  const auto by_chance = [](std::uint64_t seed) {
    fault_script chance(seed);
    chance.add({.times = fault::always, .probability = 0.25});
    std::string out;
    for (int i = 0; i < 4000; ++i) out += chance.next("GET") ? 'x' : '.';
    return out;
  };
  CHECK(by_chance(1) == by_chance(1));
  CHECK(by_chance(1) != by_chance(2));
  const std::string drawn = by_chance(1);
  const auto met = std::count(drawn.begin(), drawn.end(), 'x');
  CHECK(met > 850);
  CHECK(met < 1150);
  script.add({.times = 3, .probability = 0.1});
  const std::string thrice = meets(1000);
  CHECK(std::count(thrice.begin(), thrice.end(), 'x') == 3);
}

}  // namespace
