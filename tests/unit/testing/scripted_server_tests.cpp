#include <larder/remote/curl_transport.hpp>
#include <larder/testing/scripted_server.hpp>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"

namespace {

namespace remote = larder::remote;
using larder::testing::scripted_answer;
using larder::testing::scripted_request;
using larder::testing::scripted_server;

remote::http_request request_to(const scripted_server& server, const std::string& method, const std::string& rest) {
  remote::http_request request;
  request.method = method;
  request.target = remote::parse_url(server.url() + rest);
  return request;
}

}  // namespace

TEST_CASE("a scripted server hands over each request whole and sends what the script returns") {
  scripted_server server([](const scripted_request& asked) -> scripted_answer {
    return {.status = 201,
            .headers = {{"X-Echo", asked.header("x-name").value_or("none")}},
            .body = asked.method + " " + std::string(asked.path()) + " " + asked.body};
  });
  remote::curl_transport transport({});
  remote::http_request request = request_to(server, "POST", "/a/b?c=d");
  request.headers.push_back({"X-Name", "value"});
  const larder::bytes body = larder::bytes::copy_of(std::string("the body"));
  request.body = {&body, 1};
  request.has_body = true;
  const remote::http_response answer = transport.send(request);
  CHECK(answer.status == 201);
  CHECK(answer.body.text() == "POST /a/b the body");
  CHECK(answer.header("x-echo") == "value");
  REQUIRE(server.wait_for(1));
  const std::vector<scripted_request> seen = server.requests();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].target == "/a/b?c=d");
  CHECK(seen[0].query() == "c=d");
  CHECK(seen[0].body == "the body");
  CHECK(seen[0].header("absent") == std::nullopt);
}

TEST_CASE("a scripted server keeps connections, unless the answer says otherwise") {
  scripted_server server(
      [](const scripted_request& asked) -> scripted_answer { return {.body = "x", .close = asked.path() == "/last"}; });
  remote::curl_transport transport({});
  for (const char* path : {"/1", "/2", "/last", "/3"}) CHECK(transport.send(request_to(server, "GET", path)).body.text() == "x");
  CHECK(server.count() == 4);
  CHECK(server.connections() == 2);
}

TEST_CASE("a scripted server answers HEAD and 204 without a body, and what the script throws with 500") {
  scripted_server server([](const scripted_request& asked) -> scripted_answer {
    if (asked.path() == "/broken") throw std::runtime_error("no idea");
    return {.status = asked.path() == "/none" ? 204 : 200, .body = "body"};
  });
  remote::curl_transport transport({});
  CHECK(transport.send(request_to(server, "HEAD", "/a")).header("content-length") == "4");
  CHECK(transport.send(request_to(server, "GET", "/none")).body.empty());
  CHECK(transport.send(request_to(server, "GET", "/a")).body.text() == "body");
  CHECK(transport.send(request_to(server, "GET", "/broken")).status == 500);
  CHECK(server.connections() == 1);
}

TEST_CASE("a scripted server can answer with anything, or with nothing") {
  scripted_server server([](const scripted_request& asked) -> scripted_answer {
    if (asked.path() == "/raw") return {.verbatim = "HTTP/1.1 299 odd\r\nContent-Length: 2\r\n\r\nok"};
    return {.verbatim = ""};
  });
  remote::curl_transport transport({});
  CHECK(transport.send(request_to(server, "GET", "/raw")).status == 299);
  CHECK_THROWS_AS(transport.send(request_to(server, "GET", "/nothing")), larder::error);
}

TEST_CASE("a scripted server serves connections side by side") {
  std::atomic<int> inside{0};
  scripted_server server([&](const scripted_request&) -> scripted_answer {
    ++inside;
    return {.status = support::eventually([&] { return inside == 4; }) ? 200 : 500};  // 200 only when all four are being answered
  });
  std::vector<std::thread> threads;
  std::atomic<int> answered{0};
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      remote::curl_transport transport({});
      if (transport.send(request_to(server, "GET", "/")).status == 200) ++answered;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(answered == 4);
}
