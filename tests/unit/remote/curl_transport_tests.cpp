#include <larder/remote/curl_transport.hpp>
#include <larder/testing/blob_server.hpp>

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
#include <memory>
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
