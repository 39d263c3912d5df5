#include <larder/remote/curl_transport.hpp>
#include <larder/testing/blob_server.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
namespace remote = larder::remote;
using larder::testing::blob_server;
using larder::testing::fault_kind;

static_assert(remote::http_transport<remote::curl_transport>);

remote::transport_settings patient() { return {{.connect = 20'000ms, .first_byte = 20'000ms, .stall = 20'000ms, .slowest = 1, .total = 60'000ms}, {}}; }

remote::http_request request_to(const blob_server& server, const std::string& method, const std::string& name) {
  remote::http_request request;
  request.method = method;
  request.target = remote::parse_url(server.url()).child(name);
  return request;
}

}  // namespace

TEST_CASE("any status is an answer, with its headers and the beginning of its body") {
  blob_server server;
  remote::curl_transport transport(patient());
  CHECK(transport.send(request_to(server, "GET", "absent")).status == 404);
  const std::string page(300'000, 'e');
  server.inject({.kind = fault_kind::verbatim, .reply = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nX-Odd:  a b \t\r\nContent-Length: 300000\r\n\r\n" + page});
  const remote::http_response busy = transport.send(request_to(server, "GET", "o"));
  CHECK(busy.status == 503);
  CHECK(busy.header("retry-after") == "7");
  CHECK(busy.header("x-odd") == "a b");
  CHECK(busy.body.size() == remote::curl_exchange::kept_of_a_failure);
  server.inject({.kind = fault_kind::verbatim, .reply = "HTTP/1.1 500 x\r\n\r\n" + std::string(5'000'000, 'e')});  // left early: enough was seen
  CHECK(transport.send(request_to(server, "GET", "o")).status == 500);
}

TEST_CASE("an interim answer is not the answer") {
  blob_server server;
  remote::curl_transport transport(patient());
  server.inject({.kind = fault_kind::verbatim,
                 .reply = "HTTP/1.1 103 Early\r\nLink: x\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"});
  const remote::http_response answer = transport.send(request_to(server, "GET", "o"));
  CHECK(answer.status == 200);
  CHECK(answer.body.text() == "ok");
  CHECK_FALSE(answer.header("link"));
}

TEST_CASE("a body in many parts arrives as one, also after leave was asked for") {
  blob_server server;
  remote::curl_transport transport(patient());
  for (const std::size_t part : {std::size_t{3}, std::size_t{3} << 20U}) {
    std::vector<larder::bytes> parts;
    std::string whole;
    for (char c = 'a'; c < 'e'; ++c) {
      parts.push_back(larder::bytes::copy_of(std::string(part, c)));
      parts.emplace_back();
      whole += std::string(part, c);
    }
    remote::http_request request = request_to(server, "PUT", "o");
    request.body = parts;
    request.has_body = true;
    CHECK(transport.send(request).status == (part == 3 ? 201 : 204));
    REQUIRE(server.object("/o"));
    CHECK(server.object("/o")->text() == whole);
  }
}

TEST_CASE("a line break in a header never leaves the process") {
  blob_server server;
  remote::curl_transport transport(patient());
  for (const char* value : {"a\r\nX: y", "a\nb", "\r"}) {
    remote::http_request request = request_to(server, "GET", "o");
    request.headers.push_back({"X-Value", value});
    try {
      transport.send(request);
      FAIL_CHECK("an error was expected");
    } catch (const larder::error& e) {
      CHECK(e.cause() == larder::error_cause::invalid_argument);
    }
  }
  CHECK(server.counts().connections == 0);
}

TEST_CASE("requests one after the other share a connection") {
  blob_server server;
  remote::curl_transport transport(patient());
  for (int i = 0; i < 20; ++i) CHECK(transport.send(request_to(server, "GET", "absent")).status == 404);
  CHECK(server.counts().connections == 1);
  CHECK(server.counts()["GET"] == 20);
}

TEST_CASE("a forked child opens its own connections and leaves the parent's alone") {
  blob_server server;
  server.store("/o", larder::bytes::copy_of(std::string_view("text")));
  remote::curl_transport transport(patient());
  CHECK(transport.send(request_to(server, "GET", "o")).status == 200);
  const pid_t child = fork();
  if (child == 0) {
    int code = 1;
    try {
      if (transport.send(request_to(server, "GET", "o")).body.text() == "text") code = 0;
    } catch (...) {
      code = 2;
    }
    _exit(code);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(transport.send(request_to(server, "GET", "o")).body.text() == "text");
  CHECK(server.counts().connections == 2);
}

TEST_CASE("a transport that is destroyed in a forked child does not end the parent's connection") {
  blob_server server;
  auto transport = std::make_unique<remote::curl_transport>(patient());
  CHECK(transport->send(request_to(server, "GET", "absent")).status == 404);
  const pid_t child = fork();
  if (child == 0) {
    transport.reset();
    _exit(0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(transport->send(request_to(server, "GET", "absent")).status == 404);
  CHECK(server.counts().connections == 1);
}
