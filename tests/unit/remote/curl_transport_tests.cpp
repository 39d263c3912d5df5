#include <larder/remote/curl_transport.hpp>
#include <larder/testing/blob_server.hpp>

#include "closed_proxy.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace {

/// How many more times this thread may send before one sending meets a closed connection; negative: always.
thread_local int sends_left = -1;

}  // namespace

/// Stands before the C library's `send` for libcurl, too.
extern "C" ssize_t send(int socket, const void* data, std::size_t size, int flags) {
  if (sends_left >= 0 && sends_left-- == 0) {
    errno = EPIPE;
    return -1;
  }
  using send_function = ssize_t (*)(int, const void*, std::size_t, int);
  static const auto next = reinterpret_cast<send_function>(dlsym(RTLD_NEXT, "send"));
  return next(socket, data, size, flags);
}

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

/// Answers the first request of each connection, and resets the connection when it has seen the head of a second one.
class forgetful_server {
 public:
  /// With `surly` it resets connections at their first request, from the second connection on.
  explicit forgetful_server(bool surly) : acceptor_(context_, {boost::asio::ip::address_v4::loopback(), 0}), thread_([this, surly] { serve(surly); }) {}
  ~forgetful_server() {
    stopping_ = true;
    boost::asio::ip::tcp::socket last(context_);
    boost::system::error_code ignored;
    last.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  int connections() const { return connections_; }

 private:
  void serve(bool surly) {
    namespace http = boost::beast::http;
    for (;;) {
      boost::asio::ip::tcp::socket socket(context_);
      acceptor_.accept(socket);
      if (stopping_) return;
      const bool first = ++connections_ == 1;
      boost::beast::flat_buffer buffer;
      boost::system::error_code failed;
      if (first || !surly) {
        http::request_parser<http::string_body> whole;
        whole.body_limit(boost::none);
        http::read(socket, buffer, whole, failed);
        boost::asio::write(socket, boost::asio::buffer(std::string("HTTP/1.1 201 -\r\nContent-Length: 0\r\n\r\n")), failed);
      }
      http::request_parser<http::string_body> head;
      http::read_header(socket, buffer, head, failed);
      socket.set_option(boost::asio::socket_base::linger(true, 0), failed);  // closing resets: what is under way is lost
    }
  }

  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::thread thread_;  // last: everything above is ready
};

}  // namespace

TEST_CASE("a body that meets a closing connection is sent once more, on a fresh one") {
  for (const bool surly : {false, true}) {
    CAPTURE(surly);
    forgetful_server server(surly);
    remote::curl_transport transport(patient());
    remote::http_request request;
    request.method = "PUT";
    request.target = remote::parse_url(server.url()).child("o");
    const std::vector<larder::bytes> body{larder::bytes::copy_of(std::string(std::size_t{7} << 20U, 'x'))};
    request.body = body;
    request.has_body = true;
    CHECK(transport.send(request).status == 201);
    if (surly) {
      CHECK_THROWS_AS(transport.send(request), larder::error);
    } else {
      CHECK(transport.send(request).status == 201);
      CHECK(transport.send(request).status == 201);
    }
    CHECK(server.connections() == (surly ? 2 : 3));
  }
}

TEST_CASE("a connection that closes between a head and its body costs the request nothing, once") {
  blob_server server;
  remote::curl_transport transport(patient());
  remote::http_request request = request_to(server, "PUT", "o");
  const std::vector<larder::bytes> body{larder::bytes::copy_of("text")};
  request.body = body;
  request.has_body = true;
  sends_left = 1;  // on a connection of its own a failure is a failure
  CHECK_THROWS_AS(transport.send(request), larder::error);
  CHECK(sends_left == -1);
  CHECK(transport.send(request).status == 201);
  for (const int sent : {0, 1}) {
    CAPTURE(sent);
    sends_left = sent;
    CHECK(transport.send(request).status == 204);
    CHECK(sends_left == -1);
  }
}

TEST_CASE("the proxy that the environment names is used, unless the settings say otherwise or the address is this machine's own") {
  const larder::test::closed_proxy proxy;
  blob_server server;
  remote::transport_settings settings = patient();
  remote::http_request request;
  request.target = remote::parse_url(larder::test::closed_proxy::unlike_loopback(server.port())).child("o");
  CHECK_THROWS_AS(remote::curl_transport(settings).send(request), larder::error);
  CHECK(remote::curl_transport(settings).send(request_to(server, "GET", "o")).status == 404);
  settings.use_proxy = false;
  CHECK(remote::curl_transport(settings).send(request).status == 404);
}

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

namespace {

/// Lends a vector of the size that is asked for.
struct room_of_bytes final : remote::body_target {
  std::span<std::byte> room(const remote::http_response& head, std::uint64_t size) override {
    statuses.push_back(head.status);
    most_landed = 0;
    bytes.resize(static_cast<std::size_t>(size) - short_by);
    return bytes;
  }
  void landed(std::uint64_t filled) override {
    CHECK(filled >= most_landed);
    most_landed = filled;
    if (at_landing) at_landing();
  }

  std::vector<std::byte> bytes;
  std::vector<int> statuses;
  std::uint64_t most_landed = 0;
  std::size_t short_by = 0;
  std::function<void()> at_landing;
};

std::string text_of(const std::vector<std::byte>& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

TEST_CASE("a body lands in the room that the caller lends") {
  blob_server server;
  const std::string text(300'000, 'x');
  server.store("/a", larder::bytes::copy_of(text.data(), text.size()));
  remote::curl_transport transport(patient());
  room_of_bytes room;
  remote::http_request request = request_to(server, "GET", "a");
  request.max_body = 1U << 20U;
  request.into = &room;

  SUBCASE("of the whole") {
    const remote::http_response answer = transport.send(request);
    CHECK(answer.status == 200);
    CHECK(answer.landed == 300'000);
    CHECK(answer.body.empty());
    CHECK(text_of(room.bytes) == text);
    CHECK(room.most_landed == 300'000);
    CHECK(room.statuses == std::vector<int>{200});
  }
  SUBCASE("of a range, also where the server ignores it") {
    request.range = larder::byte_range{299'990, 10};
    CHECK(transport.send(request).status == 206);
    CHECK(room.bytes.size() == 10);
    server.inject({.kind = fault_kind::ignore_range});
    const remote::http_response answer = transport.send(request);
    CHECK(answer.status == 200);
    CHECK(answer.cut);
    CHECK(answer.landed == 10);
    CHECK(room.statuses == std::vector<int>{206, 200});
  }
  SUBCASE("but not of a failure") {
    request.target = remote::parse_url(server.url()).child("absent");
    const remote::http_response answer = transport.send(request);
    CHECK(answer.status == 404);
    CHECK_FALSE(answer.landed);
    CHECK(room.statuses.empty());
  }
  SUBCASE("and not where the room is too small") {
    room.short_by = 1;
    CHECK_THROWS_WITH_AS(transport.send(request), doctest::Contains("room for 299999 bytes was lent for an answer of 300000"), larder::error);
  }
}

TEST_CASE("a stop ends a request that waits, and one whose body comes") {
  blob_server server;
  server.store("/a", larder::bytes::copy_of("text", 4));
  remote::curl_transport transport(patient());
  std::stop_source stop;
  remote::http_request request = request_to(server, "GET", "a");
  request.stop = stop.get_token();
  const auto cause_of = [&] {
    try {
      transport.send(request);
    } catch (const larder::error& e) {
      CHECK(std::string(e.what()).find("stop was requested") != std::string::npos);
      return e.cause();
    }
    return larder::error_cause::io;
  };

  SUBCASE("before an answer") {
    server.inject({.kind = fault_kind::stall, .after = 0});
    std::jthread stopping([&] {
      while (server.pending_faults() != 0) std::this_thread::yield();
      stop.request_stop();
    });
    CHECK(cause_of() == larder::error_cause::cancelled);
  }
  SUBCASE("in the middle of the body") {
    server.inject({.kind = fault_kind::stall, .after = 2});
    room_of_bytes room;
    room.at_landing = [&] { stop.request_stop(); };
    request.into = &room;
    CHECK(cause_of() == larder::error_cause::cancelled);
  }
  SUBCASE("before it began") {
    stop.request_stop();
    CHECK(cause_of() == larder::error_cause::cancelled);
    CHECK(server.counts()["GET"] == 0);
  }
  server.release();
}

TEST_CASE("an answer that does not begin by the time it is needed is a timeout, one that has begun may take longer") {
  blob_server server;
  server.store("/a", larder::bytes::copy_of("text", 4));
  remote::curl_transport transport(patient());
  remote::http_request request = request_to(server, "GET", "a");
  server.inject({.kind = fault_kind::stall, .after = 0});
  request.answer_by = std::chrono::steady_clock::now() + 20ms;
  try {
    transport.send(request);
    FAIL("there is no answer");
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::timeout);
  }
  server.release();

  server.inject({.kind = fault_kind::stall, .after = 2});
  std::stop_source stop;
  room_of_bytes room;
  request.answer_by = std::chrono::steady_clock::now() + 300ms;
  room.at_landing = [&] {
    while (std::chrono::steady_clock::now() <= request.answer_by) std::this_thread::yield();
    stop.request_stop();
  };
  request.into = &room;
  request.stop = stop.get_token();
  CHECK_THROWS_WITH_AS(transport.send(request), doctest::Contains("stop was requested"), larder::error);
  server.release();
}

}  // namespace
