#include <larder/testing/blob_server.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/talk.hpp"

namespace {

using larder::testing::blob_server;
using larder::testing::fault_kind;
using support::talk_to;

std::string talk(const blob_server& server, std::string_view text) { return talk_to(server.port(), text); }

/// One request on a connection of its own; the answer, head and all.
std::string ask(const blob_server& server, const std::string& line, const std::string& headers = {}, const std::string& body = {}) {
  return talk(server, line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body);
}
int status(const std::string& answer) { return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3)); }
std::string body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

}  // namespace

TEST_CASE("objects live below collections that have to be made") {
  blob_server server;
  CHECK(status(ask(server, "PUT /a/o", "", "text")) == 409);
  CHECK(status(ask(server, "MKCOL /a/b/")) == 409);
  CHECK(status(ask(server, "MKCOL /a/")) == 201);
  CHECK(status(ask(server, "MKCOL /a")) == 405);
  CHECK(status(ask(server, "PUT /a/o", "", "text")) == 201);
  CHECK(status(ask(server, "PUT /a/o", "", "other")) == 204);
  CHECK(body(ask(server, "GET /a/o")) == "other");
  CHECK(body(ask(server, "HEAD /a/o")).empty());
  CHECK(ask(server, "HEAD /a/o").find("Content-Length: 5\r\n") != std::string::npos);
  CHECK(status(ask(server, "PUT /a", "", "x")) == 405);
  CHECK(status(ask(server, "DELETE /a")) == 204);
  CHECK(status(ask(server, "GET /a/o")) == 404);
  CHECK(status(ask(server, "DELETE /a")) == 404);
  CHECK(status(ask(server, "GET /../x")) == 400);
  CHECK(status(ask(server, "GET /%2e%2e/x")) == 400);
  CHECK(status(ask(server, "GET /%zz")) == 400);
  CHECK(status(ask(server, "BREW /pot")) == 405);
}

TEST_CASE("a single range is served, others are ignored") {
  blob_server server;
  server.store("/o", larder::bytes::copy_of(std::string_view("0123456789")));
  const auto part = [&](const std::string& range) { return ask(server, "GET /o", "Range: " + range + "\r\n"); };
  CHECK(body(part("bytes=2-4")) == "234");
  CHECK(part("bytes=2-4").find("Content-Range: bytes 2-4/10\r\n") != std::string::npos);
  CHECK(body(part("bytes=8-99")) == "89");
  CHECK(body(part("bytes=7-")) == "789");
  CHECK(body(part("bytes=-3")) == "789");
  CHECK(body(part("bytes=-30")) == "0123456789");
  CHECK(status(part("bytes=10-")) == 416);
  CHECK(status(part("bytes=-0")) == 416);
  for (const char* range : {"bytes=4-2", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=-", "bytes=99999999999999999999-"}) {
    CAPTURE(range);
    CHECK(status(part(range)) == 200);
    CHECK(body(part(range)) == "0123456789");
  }
}

TEST_CASE("conditions hold or stop a request") {
  blob_server server;
  CHECK(status(ask(server, "PUT /o", "If-None-Match: *\r\n", "1")) == 201);
  CHECK(status(ask(server, "PUT /o", "If-None-Match: *\r\n", "2")) == 412);
  CHECK(status(ask(server, "PUT /x", "If-Match: *\r\n", "2")) == 412);
  const std::string answer = ask(server, "GET /o");
  const std::size_t at = answer.find("ETag: ") + 6;
  const std::string tag = answer.substr(at, answer.find("\r\n", at) - at);
  CHECK(status(ask(server, "GET /o", "If-None-Match: " + tag + "\r\n")) == 304);
  CHECK(status(ask(server, "GET /o", "If-Match: " + tag + "\r\n")) == 200);
  CHECK(status(ask(server, "PUT /o", "If-Match: " + tag + "\r\n", "3")) == 204);
  CHECK(status(ask(server, "GET /o", "If-Match: " + tag + "\r\n")) == 412);
  CHECK(status(ask(server, "PUT /o", "If-Match: " + tag + "\r\n", "4")) == 412);
}

TEST_CASE("a move replaces only when it may") {
  blob_server server;
  server.store("/a", larder::bytes::copy_of(std::string_view("1")));
  server.store("/b", larder::bytes::copy_of(std::string_view("2")));
  CHECK(status(ask(server, "MOVE /a", "Destination: " + server.url() + "/b\r\nOverwrite: F\r\n")) == 412);
  CHECK(status(ask(server, "MOVE /a", "Destination: /no/b\r\n")) == 409);
  CHECK(status(ask(server, "MOVE /a")) == 400);
  CHECK(status(ask(server, "MOVE /a", "Destination: /b\r\nOverwrite: T\r\n")) == 204);
  CHECK(status(ask(server, "MOVE /a", "Destination: /c\r\n")) == 404);
  CHECK(status(ask(server, "MOVE /b", "Destination: /c\r\nOverwrite: F\r\n")) == 201);
  CHECK(server.paths() == std::vector<std::string>{"/c"});
  CHECK(server.object("/c")->text() == "1");
}

TEST_CASE("a listing has what is directly below") {
  blob_server server;
  server.store("/a/b/c", larder::bytes::copy_of(std::string_view("123")));
  server.store("/a/d e", larder::bytes{});
  const auto hrefs = [&](const std::string& path, const std::string& depth) {
    const std::string text = ask(server, "PROPFIND " + path, "Depth: " + depth + "\r\n");
    std::string out;
    for (std::size_t at = text.find("<D:href>"); at != std::string::npos; at = text.find("<D:href>", at + 1)) out += text.substr(at + 8, text.find("</", at) - at - 8) + " ";
    return out;
  };
  CHECK(hrefs("/", "1") == "/ /a/ ");
  CHECK(hrefs("/a", "1") == "/a/ /a/b/ /a/d%20e ");
  CHECK(hrefs("/a", "0") == "/a/ ");
  CHECK(hrefs("/a/b/c", "1") == "/a/b/c ");
  CHECK(status(ask(server, "PROPFIND /x", "Depth: 1\r\n")) == 404);
  CHECK(status(ask(server, "PROPFIND /a", "Depth: infinity\r\n")) == 403);
}

TEST_CASE("a plain server has objects only") {
  blob_server server({.plain = true});
  CHECK(status(ask(server, "PUT /a/b/o", "", "text")) == 201);
  for (const char* line : {"MKCOL /c", "MOVE /a/b/o", "PROPFIND /"}) CHECK(status(ask(server, line, "Destination: /x\r\nDepth: 1\r\n")) == 405);
}

TEST_CASE("faults come in order and are counted, and so are requests") {
  blob_server server({.authorization = "Bearer x"});
  CHECK(status(ask(server, "GET /o")) == 401);
  const std::string known = "Authorization: Bearer x\r\n";
  CHECK(status(ask(server, "PUT /o", known, "text")) == 201);
  server.inject({.times = 2, .method = "GET", .status = 500});
  server.inject({.kind = fault_kind::truncate, .after = 2});
  server.inject({.kind = fault_kind::flip_byte, .after = 3});
  server.inject({.kind = fault_kind::verbatim, .reply = "hello"});
  CHECK(server.pending_faults() == 5);
  CHECK(status(ask(server, "GET /o", known)) == 500);
  CHECK(status(ask(server, "GET /o", known)) == 500);
  CHECK(body(ask(server, "GET /o", known)) == "te");
  CHECK(body(ask(server, "GET /o", known)) == "texu");
  CHECK(ask(server, "GET /o", known) == "hello");
  CHECK(body(ask(server, "GET /o", known)) == "text");
  server.inject({.kind = fault_kind::lose_answer});
  CHECK(ask(server, "DELETE /o", known).empty());
  CHECK(server.paths().empty());
  const larder::testing::blob_server_counts counts = server.counts();
  CHECK(counts["GET"] == 7);
  CHECK(counts["PUT"] == 1);
  CHECK(counts["DELETE"] == 1);
  CHECK(counts["HEAD"] == 0);
  CHECK(counts.connections == 9);
  CHECK(counts.body_bytes_in == 4);
  CHECK(counts.body_bytes_out == 10);
}

TEST_CASE("requests on one connection are answered one after the other") {
  blob_server server;
  server.store("/o", larder::bytes::copy_of(std::string_view("text")));
  const std::string get = "GET /o HTTP/1.1\r\nHost: x\r\n";
  const std::string all = talk(server, get + "\r\n" + get + "\r\n" + get + "Connection: close\r\n\r\n");
  std::size_t answers = 0;
  for (std::size_t at = all.find("200 -"); at != std::string::npos; at = all.find("200 -", at + 1)) ++answers;
  CHECK(answers == 3);
  CHECK(server.counts().connections == 1);
  for (const char* text : {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) CHECK(talk(server, text).empty());
}

TEST_CASE("a body waits for the bandwidth, and for nothing when the server goes") {
  std::thread client;
  std::string answer;
  {
    blob_server server({.bytes_per_second = 1});
    server.store("/o", larder::bytes::copy_of(std::string(1000, 'Z')));
    client = std::thread([&, port = server.port()] { answer = talk_to(port, "GET /o HTTP/1.1\r\nHost: x\r\n\r\n"); });
    while (server.counts()["GET"] == 0) std::this_thread::yield();
    CHECK(server.counts().body_bytes_out == 0);
  }
  client.join();
  CHECK(answer.find('Z') == std::string::npos);
}

TEST_CASE("a server that stalls stops at once when it is released or destroyed") {
  blob_server server;
  server.store("/o", larder::bytes::copy_of(std::string(1000, 'x')));
  server.inject({.kind = fault_kind::stall, .after = 500});
  std::string got;
  std::thread client([&] { got = body(ask(server, "GET /o")); });
  while (server.counts().body_bytes_out < 500) std::this_thread::yield();
  // The answer stalls a moment after its bytes are counted: release until it has ended.
  std::atomic<bool> ended{false};
  std::thread releasing([&] {
    while (!ended) {
      server.release();
      std::this_thread::yield();
    }
  });
  client.join();
  ended = true;
  releasing.join();
  CHECK(got.size() == 500);
}
