#include <larder/serve/request_head.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace serve = larder::serve;

namespace {

struct outcome {
  int refusal = 0;
  bool whole = false;
  serve::request_head head;
};

/// As a connection reads: in pieces of this size, until the head is whole or refused.
outcome read(std::string_view text, std::size_t step, const serve::request_limits& limits = {}) {
  serve::head_scan scan;
  outcome out;
  for (std::size_t n = 0; n < text.size() && scan.end() == 0 && out.refusal == 0;) {
    n = n + step < text.size() ? n + step : text.size();
    out.refusal = scan.read(text.substr(0, n), limits);
  }
  if (out.refusal != 0 || scan.end() == 0) return out;
  out.whole = true;
  out.refusal = serve::parse_head(text.substr(0, scan.end()), out.head);
  return out;
}
int refusal_of(std::string_view text) {
  const int at_once = read(text, text.size()).refusal;
  CHECK(read(text, 1).refusal == at_once);
  return at_once;
}

}  // namespace

TEST_CASE("a request's head is read, in pieces of any size") {
  const std::string text =
      "GET /v1/c/abc HTTP/1.1\r\nHost: h:80\r\nRANGE:bytes=0-1 \r\nIf-Range: \"a\"\r\nIf-Match:\"b\"\r\nif-none-match: "
      "\t\"c\"\t\r\nAuthorization: Bearer x y\r\n"
      "Other: anything at all, \xc3\xa9\r\nContent-Length: 0\r\n\r\nGET /next";
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, text.size()}) {
    const outcome got = read(text, step);
    CHECK(got.refusal == 0);
    REQUIRE(got.whole);
    CHECK(got.head.method == "GET");
    CHECK(got.head.target == "/v1/c/abc");
    CHECK(got.head.range == "bytes=0-1");
    CHECK(got.head.if_range == "\"a\"");
    CHECK(got.head.if_match == "\"b\"");
    CHECK(got.head.if_none_match == "\"c\"");
    CHECK(got.head.authorization == "Bearer x y");
    CHECK(got.head.keeps_alive);
    CHECK_FALSE(got.head.has_body);
  }
}

TEST_CASE("a head ends where it ends") {
  serve::head_scan scan;
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  CHECK(scan.read(head + "more", {}) == 0);
  CHECK(scan.end() == head.size());
  CHECK_FALSE(read(head.substr(0, head.size() - 1), 1).whole);
}

TEST_CASE("who keeps a connection") {
  CHECK(read("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 99).head.keeps_alive);
  CHECK(read("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", 99).head.keeps_alive);
  CHECK_FALSE(read("GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n", 99).head.keeps_alive);
  CHECK_FALSE(read("GET / HTTP/1.1\r\nHost: x\r\nConnection: te ,\tclose\r\n\r\n", 99).head.keeps_alive);
  CHECK_FALSE(read("GET / HTTP/1.0\r\n\r\n", 99).head.keeps_alive);
  CHECK(read("GET / HTTP/1.0\r\n\r\n", 99).refusal == 0);  // which needs no host
}

TEST_CASE("a body is known by its length") {
  const outcome got = read("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 99);
  CHECK(got.refusal == 0);
  CHECK(got.head.has_body);
}

TEST_CASE("what two readers could read in two ways is refused") {
  const std::string good = "GET / HTTP/1.1\r\nHost: x\r\n";
  REQUIRE(refusal_of(good + "\r\n") == 0);
  const std::vector<std::string> bad{
      "GET / HTTP/1.1\nHost: x\n\n",                                     // bare LF
      "GET / HTTP/1.1\r\nHost: x\n\r\n",                                 //
      "GET / HTTP/1.1\r\nHost: x\r\n\n",                                 //
      "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",                             //
      "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",                           // an empty line before
      good + "Range: bytes=0-1\rX: y\r\n\r\n",                           // bare CR
      good + "X: a\r\n folded\r\n\r\n",                                  // obs-fold
      good + "X: a\r\n\tfolded\r\n\r\n",                                 //
      good + "X : a\r\n\r\n",                                            // space before the colon
      good + " X: a\r\n\r\n",                                            //
      good + "X\r\n\r\n",                                                // no colon
      good + ": a\r\n\r\n",                                              // no name
      good + "X(y): a\r\n\r\n",                                          //
      good + std::string("X: a\0b\r\n\r\n", 10),                         //
      good + "X: a\x7f\r\n\r\n",                                         //
      good + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",  // both
      good + "Transfer-Encoding: chunked\r\n\r\n",                       //
      good + "Transfer-Encoding: identity\r\n\r\n",                      //
      good + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",           // two
      good + "Content-Length: 1, 1\r\n\r\n",                             //
      good + "Content-Length: +1\r\n\r\n",                               //
      good + "Content-Length: 0x1\r\n\r\n",                              //
      good + "Content-Length: -1\r\n\r\n",                               //
      good + "Content-Length:\r\n\r\n",                                  //
      good + "Content-Length: 18446744073709551616\r\n\r\n",             //
      good + "Host: y\r\n\r\n",                                          //
      "GET / HTTP/1.1\r\n\r\n",                                          // no host
      good + "Range: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n",             // said twice
      good + "Range:\r\nRange: bytes=2-3\r\n\r\n",                       //
      good + "Authorization: a\r\nauthorization: b\r\n\r\n",             //
      good + "If-Match: \"a\"\r\nIf-Match: \"b\"\r\n\r\n",               //
      good + "If-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\n\r\n",     //
      good + "If-Range: \"a\"\r\nIf-Range: \"b\"\r\n\r\n",               //
      "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",                              // two spaces
      "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",                              //
      " GET / HTTP/1.1\r\nHost: x\r\n\r\n",                              //
      "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",                              //
      "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",                            //
      "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",                       //
      "GET / \r\nHost: x\r\n\r\n",                                       //
      "GET /\r\n\r\n",                                                   // HTTP/0.9
      "GET\r\n\r\n",                                                     //
      "G@T / HTTP/1.1\r\nHost: x\r\n\r\n",                               //
      "GET / http/1.1\r\nHost: x\r\n\r\n",                               //
      "GET / HTTP/11.1\r\nHost: x\r\n\r\n",                              //
  };
  for (const std::string& text : bad) {
    CAPTURE(text);
    CHECK(refusal_of(text) == 400);
  }
  CHECK(refusal_of("GET / HTTP/1.1\n") == 400);  // at once, not when the head would be whole
  for (int c = 1; c < 0x20; ++c) CHECK(refusal_of(good + "X: a" + static_cast<char>(c) + "b\r\n\r\n") == (c == '\t' ? 0 : 400));
  for (int c = 0x7f; c < 0x100; ++c)
    CHECK(refusal_of(std::string("GET /") + static_cast<char>(c) + " HTTP/1.1\r\nHost: x\r\n\r\n") == 400);
}

TEST_CASE("a version that is not ours is said so") {
  CHECK(refusal_of("GET / HTTP/2.0\r\nHost: x\r\n\r\n") == 505);
  CHECK(refusal_of("GET / HTTP/1.2\r\nHost: x\r\n\r\n") == 505);
  CHECK(refusal_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
}

TEST_CASE("a head has limits, which hold before it is whole") {
  const serve::request_limits limits{.line = 64, .head = 200, .fields = 3};
  const auto of = [&](const std::string& text) {
    const int at_once = read(text, text.size(), limits).refusal;
    CHECK(read(text, 1, limits).refusal == at_once);
    return at_once;
  };
  const std::string line = "GET /" + std::string(64 - 5 - 11, 'a') + " HTTP/1.1\r\n";
  REQUIRE(line.size() == 64);
  CHECK(of(line + "Host: x\r\n\r\n") == 0);
  CHECK(of("GET /a" + line.substr(5) + "Host: x\r\n\r\n") == 414);
  CHECK(of(std::string(65, 'a')) == 414);
  CHECK(of(std::string(64, 'a')) == 0);
  const std::string start = "GET / HTTP/1.1\r\nHost: x\r\n";
  CHECK(of(start + "X: " + std::string(200 - start.size() - 7, 'a') + "\r\n\r\n") == 0);
  CHECK(of(start + "X: " + std::string(201 - start.size() - 7, 'a') + "\r\n\r\n") == 431);
  CHECK(of(start + std::string(201 - start.size(), 'a')) == 431);
  CHECK(of(start + "A: 1\r\nB: 2\r\n\r\n") == 0);
  CHECK(of(start + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n") == 431);
}
