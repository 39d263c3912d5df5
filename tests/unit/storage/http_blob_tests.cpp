#include <larder/core/part_reading_store.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/testing/blob_server.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/blob_objects.hpp"
#include "support/patient_timeouts.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/silent_sink.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::error_cause;
using larder::put_mode;
using larder::testing::blob_server;
using larder::testing::fault;
using larder::testing::fault_kind;
using store = larder::http_blob<larder::webdav>::store;

static_assert(larder::blob_store<store>);
static_assert(larder::part_reading_store<store>);
static_assert(larder::storage_policy<larder::http_blob<larder::webdav>>);
static_assert(std::is_same_v<decltype(larder::http_blob{larder::webdav{"http://h"}}), larder::http_blob<larder::webdav>>);

support::silent_sink sink;

// What one request makes of one answer is tested here; what is done about failures, in http_blob_resilience_tests.
// Stalls are met with the quick limits; whatever has to succeed gets the patient ones, however busy the machine is.
constexpr larder::remote_timeouts quick{.connect = 2'000ms, .first_byte = 300ms, .stall = 300ms, .slowest = 1, .total = 20'000ms};

larder::http_blob<larder::webdav> at(const std::string& url, std::uint64_t max_object = std::uint64_t{1} << 30U, const larder::remote_timeouts& timeouts = patient) {
  return larder::http_blob{larder::webdav{.url = url, .timeouts = timeouts, .max_object = max_object}, larder::resilience::none()};
}

}  // namespace

TEST_CASE("what is put comes back whole, of any size, from a WebDAV and from a plain server") {
  for (const bool plain : {false, true}) {
    CAPTURE(plain);
    blob_server server({.plain = plain});
    store s(at(server.url() + "/models/v1"), sink);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20U, std::size_t{20} << 20U}) {
      CAPTURE(size);
      const std::string text = pattern(size);
      const std::string name = "ab/cd/" + std::to_string(size);
      CHECK_FALSE(s.head(name));
      CHECK_FALSE(s.get(name, {}));
      CHECK(put(s, name, text));
      CHECK(get(s, name) == text);
      REQUIRE(s.head(name));
      CHECK(s.head(name)->size == size);
      CHECK_FALSE(s.head(name)->etag.empty());
      CHECK(put(s, name, pattern(size, 7)));
      CHECK(get(s, name) == pattern(size, 7));
      CHECK(s.erase(name));
      CHECK_FALSE(s.erase(name));
      CHECK_FALSE(s.get(name, {}));
    }
    CHECK(server.paths().empty());  // nothing is left beside the objects
    CHECK(server.counts()["MOVE"] == (plain ? 1 : 8));  // a plain server is asked once
  }
}

TEST_CASE("a range is cut to the object, whatever the server makes of ranges") {
  blob_server server;
  server.store("/o", larder::bytes::copy_of(pattern(5000)));
  server.store("/empty", larder::bytes{});
  store s(at(server.url()), sink);
  const std::string whole = pattern(5000);
  constexpr std::uint64_t top = ~std::uint64_t{0};
  for (const bool ignored : {false, true}) {
    CAPTURE(ignored);
    for (const larder::byte_range r : {larder::byte_range{0, 1}, {0, 5000}, {0, 5001}, {1, top}, {4999, 1}, {4999, 100}, {5000, 1}, {5000, top}, {9000, 10}, {100, 0}, {top, top}, {10, top - 10}, {0, top}}) {
      CAPTURE(r.offset);
      CAPTURE(r.size);
      if (ignored) server.inject({.kind = fault_kind::ignore_range, .method = "GET"});
      const std::uint64_t from = std::min<std::uint64_t>(r.offset, whole.size());
      CHECK(get(s, "o", r) == whole.substr(from, std::min<std::uint64_t>(r.size, whole.size() - from)));
      server.clear_faults();
      CHECK_FALSE(s.get("absent", r));
      CHECK(get(s, "empty", r) == "");
    }
  }
}

TEST_CASE("a part of a large object is taken from a server without ranges, without reading all of it") {
  blob_server server({.bytes_per_second = std::uint64_t{64} << 20U});
  server.store("/o", larder::bytes::copy_of(pattern(std::size_t{20} << 20U)));
  server.inject({.kind = fault_kind::ignore_range});
  store s(at(server.url(), 4096), sink);
  CHECK(get(s, "o", {1000, 100}) == pattern(std::size_t{20} << 20U).substr(1000, 100));
  CHECK(server.counts().body_bytes_out < std::uint64_t{19} << 20U);
  CHECK(cause_of([&] { get(s, "o"); }) == error_cause::server);  // 20 MiB where 4 KiB are allowed
}

TEST_CASE("create_only never replaces, and has one winner among many threads") {
  for (const bool plain : {false, true}) {
    CAPTURE(plain);
    blob_server server({.plain = plain});
    store s(at(server.url() + "/x"), sink);
    CHECK(put(s, "once", "first", put_mode::create_only));
    CHECK_FALSE(put(s, "once", "second", put_mode::create_only));
    CHECK(get(s, "once") == "first");
    std::atomic<int> winners{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        if (put(s, "race/one", pattern(1000, static_cast<std::uint32_t>(t)), put_mode::create_only)) ++winners;
      });
    for (std::thread& t : threads) t.join();
    CHECK(winners == 1);
    CHECK(server.paths() == std::vector<std::string>{"/x/once", "/x/race/one"});
  }
}

TEST_CASE("four threads share a store and its connections") {
  blob_server server;
  store s(at(server.url() + "/many"), sink);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 15; ++i) {
        const std::string name = "t" + std::to_string(t) + "/" + std::to_string(i % 5);
        const std::string text = pattern(1000 + 4096 * i, t * 100 + i);
        if (!put(s, name, text) || get(s, name) != text || get(s, name, {500, 300}) != text.substr(500, 300)) ++wrong;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(listed(s, "").size() == 20);
  CHECK(server.counts().connections <= 5);
}

TEST_CASE("list gives the names with a prefix, and only names of ours") {
  blob_server server;
  for (const char* path : {"/m/a/1", "/m/a/22", "/m/ab", "/m/b/c/d/333", "/m/A", "/m/a/x~0123", "/m/a/sp ace", "/other/a/1"})
    server.store(path, larder::bytes::copy_of(std::string_view(path)));
  store s(at(server.url() + "/m"), sink);
  using names = std::map<std::string, std::uint64_t>;
  CHECK(listed(s, "") == names{{"a/1", 6}, {"a/22", 7}, {"ab", 5}, {"b/c/d/333", 12}});
  CHECK(listed(s, "a") == names{{"a/1", 6}, {"a/22", 7}, {"ab", 5}});
  CHECK(listed(s, "a/") == names{{"a/1", 6}, {"a/22", 7}});
  CHECK(listed(s, "a/2") == names{{"a/22", 7}});
  CHECK(listed(s, "b/c/d") == names{{"b/c/d/333", 12}});
  CHECK(listed(s, "b/c/d/4").empty());
  CHECK(listed(s, "nothing/here").empty());
  CHECK(listed(s, "/").empty());
  CHECK(cause_of([&] { listed(s, "a b"); }) == error_cause::invalid_argument);

  blob_server plain({.plain = true});
  store p(at(plain.url()), sink);
  CHECK(cause_of([&] { listed(p, ""); }) == error_cause::server);
}

TEST_CASE("a status is an error of its cause, in every operation; only 404 is absence") {
  blob_server server;
  store s(at(server.url() + "/m"), sink);
  server.store("/m/o", larder::bytes::copy_of(std::string_view("text")));
  const std::vector<std::pair<int, error_cause>> causes{{401, error_cause::unauthorized}, {403, error_cause::unauthorized}, {407, error_cause::unauthorized},
                                                        {408, error_cause::timeout},      {429, error_cause::server},       {500, error_cause::server},
                                                        {502, error_cause::server},       {503, error_cause::server},       {504, error_cause::timeout},
                                                        {507, error_cause::no_space},     {301, error_cause::server},       {400, error_cause::server},
                                                        {304, error_cause::server},       {202, error_cause::server}};
  for (const std::pair<int, error_cause>& pair : causes) {
    const int status = pair.first;  // not a structured binding: clang 14 cannot capture one
    const error_cause cause = pair.second;
    CAPTURE(status);
    const auto meets = [&](const char* method, auto&& f) {
      CAPTURE(method);
      // nginx says 500 for a missing collection: a PUT is tried again after a look at its collection
      server.inject({.times = status == 500 && std::string_view(method) == "PUT" ? std::size_t{2} : std::size_t{1}, .method = method, .status = status});
      const std::optional<error_cause> met = cause_of(f);
      CHECK(met == (status == 202 && std::string_view(method) == "DELETE" ? std::nullopt : std::optional<error_cause>(cause)));
      CHECK(server.pending_faults() == 0);
    };
    meets("GET", [&] { get(s, "o"); });
    meets("GET", [&] { get(s, "o", {1, 2}); });
    meets("HEAD", [&] { s.head("o"); });
    meets("PUT", [&] { put(s, "o", "other"); });
    meets("DELETE", [&] { s.erase("o"); });
    meets("PROPFIND", [&] { listed(s, ""); });
    server.inject({.method = "MOVE", .status = status});
    CHECK(cause_of([&] { put(s, "o", "other"); }) == cause);
  }
  CHECK(get(s, "o") == "text");
  CHECK(server.paths() == std::vector<std::string>{"/m/o"});  // refused moves have cleaned up behind them
  server.inject({.method = "GET", .status = 404});
  CHECK_FALSE(s.get("o", {}));
  server.inject({.method = "HEAD", .status = 410});
  CHECK_FALSE(s.head("o"));
  server.inject({.method = "PROPFIND", .status = 404});
  CHECK(listed(s, "").empty());
}

TEST_CASE("no broken answer becomes a value") {
  blob_server server;
  const std::string text = pattern(300'000);
  server.store("/o", larder::bytes::copy_of(text));
  store s(at(server.url()), sink);
  store hasty(at(server.url(), std::uint64_t{1} << 30U, quick), sink);

  for (const std::size_t after : {std::size_t{0}, std::size_t{1}, std::size_t{299'999}}) {
    CAPTURE(after);
    server.inject({.kind = fault_kind::truncate, .after = after});
    CHECK(cause_of([&] { get(s, "o"); }) == error_cause::network);
    server.inject({.kind = fault_kind::truncate, .after = after / 2});
    CHECK(cause_of([&] { get(s, "o", {10, 299'990}); }) == error_cause::network);
    server.inject({.kind = fault_kind::stall, .after = after});
    CHECK(cause_of([&] { get(hasty, "o"); }) == error_cause::timeout);
    server.release();
  }
  server.inject({.kind = fault_kind::flip_byte, .after = 7});  // the length is right: the entry's checksum has to notice
  const std::optional<std::string> flipped = get(s, "o");
  REQUIRE(flipped);
  CHECK(flipped->size() == text.size());
  CHECK(*flipped != text);
  CHECK(get(s, "o") == text);

  const auto answers = [&](const std::string& reply, larder::byte_range range = {}) {
    CAPTURE(reply.substr(0, 300));
    server.inject({.kind = fault_kind::verbatim, .reply = reply});
    const std::optional<error_cause> cause = cause_of([&] { get(s, "o", range); });
    server.clear_faults();
    CHECK(get(s, "o") == text);  // and nothing of it is left for the next request
    return cause;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  CHECK(answers("") == std::nullopt);  // nothing on a used connection is sent again
  CHECK(answers("nonsense\r\n\r\n").has_value());
  CHECK(answers("HTTP/1.1 2x0 OK\r\nContent-Length: 1\r\n\r\na").has_value());
  CHECK(answers(ok + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde") == error_cause::server);
  CHECK(answers(ok + "Content-Length: -4\r\n\r\nabcd").has_value());
  CHECK(answers(ok + "Content-Length: 99999999999999999999\r\n\r\nabcd").has_value());
  CHECK(answers(ok + "Content-Length: 9000000000000000000\r\n\r\nabcd") == error_cause::server);
  CHECK(answers(ok + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd") == error_cause::server);
  CHECK(answers(ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n") == error_cause::network);       // no last chunk
  CHECK(answers(ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabcd").has_value());
  CHECK(answers(ok + "X: " + std::string(40'000, 'x') + "\r\nContent-Length: 1\r\n\r\na") == error_cause::server);
  std::string flood;
  for (int i = 0; i < 200; ++i) flood += "H" + std::to_string(i) + ": v\r\n";
  CHECK(answers(ok + flood + "Content-Length: 1\r\n\r\na") == error_cause::server);
  std::string interim;
  for (int i = 0; i < 3000; ++i) interim += "HTTP/1.1 103 Early\r\n\r\n";
  CHECK(answers(interim + ok + "Content-Length: 1\r\n\r\na") == error_cause::server);

  const std::string part = "HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\n";
  const std::string ten = "0123456789";
  CHECK(answers(part + "\r\n" + ten, {10, 10}) == error_cause::server);
  CHECK(answers(part + "Content-Range: bytes 11-20/300000\r\n\r\n" + ten, {10, 10}) == error_cause::server);
  CHECK(answers(part + "Content-Range: bytes 10-18/300000\r\n\r\n" + ten, {10, 10}) == error_cause::server);
  CHECK(answers(part + "Content-Range: bytes 10-19/15\r\n\r\n" + ten, {10, 10}) == error_cause::server);
  CHECK(answers(part + "Content-Range: bytes 10-19/300000\r\n\r\n" + ten, {10, 11}) == error_cause::server);  // too little
  CHECK(answers(part + "Content-Range: bytes 10-19/300000\r\n\r\n" + ten, {10, 5}) == error_cause::server);   // too much
  CHECK(answers(part + "Content-Range: bytes 10-19/*\r\n\r\n" + ten, {10, 11}) == error_cause::server);
  CHECK(answers(part + "Content-Range: bytes 10-19/300000\r\n\r\n" + ten) == error_cause::server);  // not asked for
  CHECK(answers(part + "Content-Type: multipart/byteranges\r\n\r\n" + ten, {10, 10}) == error_cause::server);
  CHECK(answers(part + "Content-Range: bytes 10-19/*\r\n\r\n" + ten, {10, 10}) == std::nullopt);
}

TEST_CASE("bytes behind an answer do not become the next answer") {
  blob_server server;
  server.store("/o", larder::bytes::copy_of(std::string_view("real")));
  store s(at(server.url()), sink);
  server.inject({.kind = fault_kind::verbatim,
                 .reply = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfakeHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"});
  CHECK(get(s, "o") == "fake");
  CHECK(get(s, "o") == "real");
}

TEST_CASE("a chunked answer has no announced length and comes whole, up to the limit") {
  blob_server server;
  store s(at(server.url(), 5000), sink);
  const auto chunked = [](std::size_t size) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'a') + "\r\n7d0\r\n" + std::string(2000, 'a') +
           (size > 4000 ? "\r\n7d0\r\n" + std::string(2000, 'a') : "") + "\r\n0\r\n\r\n";
  };
  server.inject({.kind = fault_kind::verbatim, .reply = chunked(4000)});
  CHECK(get(s, "o") == std::string(4000, 'a'));
  server.inject({.kind = fault_kind::verbatim, .reply = chunked(6000)});
  CHECK(cause_of([&] { get(s, "o"); }) == error_cause::server);
}

TEST_CASE("a connection that the server closed meanwhile costs nothing but a new one") {
  blob_server server;
  server.store("/o", larder::bytes::copy_of(std::string_view("text")));
  store s(at(server.url()), sink);
  server.inject({.kind = fault_kind::close});
  CHECK(cause_of([&] { get(s, "o"); }) == error_cause::network);  // a fresh connection: no second try
  CHECK(get(s, "o") == "text");
  server.inject({.kind = fault_kind::close});
  CHECK(get(s, "o") == "text");
  server.inject({.kind = fault_kind::close, .method = "PUT"});
  CHECK(put(s, "o", pattern(200'000)));  // the body is sent again from its start
  CHECK(get(s, "o") == pattern(200'000));
  server.inject({.kind = fault_kind::close, .times = 20});
  CHECK(cause_of([&] { get(s, "o"); }) == error_cause::network);
}

TEST_CASE("an answer that is lost after the move is done does not make a put fail") {
  for (const put_mode mode : {put_mode::replace, put_mode::create_only}) {
    blob_server server;
    store s(at(server.url()), sink);
    server.inject({.kind = fault_kind::lose_answer, .method = "MOVE"});
    CHECK(put(s, "o", "text", mode));
    CHECK(get(s, "o") == "text");
    CHECK(server.paths() == std::vector<std::string>{"/o"});
  }
}

TEST_CASE("a server that is not there, or stalls, fails in time") {
  std::string gone;
  {
    const blob_server server;
    gone = server.url();
  }
  store s(at(gone), sink);  // construction needs no server
  CHECK(cause_of([&] { get(s, "o"); }) == error_cause::network);
  CHECK(cause_of([&] { put(s, "o", "x"); }) == error_cause::network);

  blob_server server;
  store t(at(server.url(), std::uint64_t{1} << 30U, quick), sink);
  for (const char* method : {"GET", "HEAD", "PUT", "MOVE", "DELETE", "PROPFIND"}) {
    CAPTURE(method);
    server.inject({.kind = fault_kind::stall, .method = method});
    const std::string_view m(method);
    CHECK(cause_of([&] {
            if (m == "GET") get(t, "o");
            if (m == "HEAD") t.head("o");
            if (m == "PUT" || m == "MOVE") put(t, "o", "x");
            if (m == "DELETE") t.erase("o");
            if (m == "PROPFIND") listed(t, "");
          }) == error_cause::timeout);
  }
  // A trickle is a stall, too.
  server.store("/slow", larder::bytes::copy_of(pattern(400'000)));
  server.throttle(100'000);
  larder::remote_timeouts hasty = quick;
  hasty.slowest = 10'000'000;
  store u(larder::http_blob{larder::webdav{.url = server.url(), .timeouts = hasty}, larder::resilience::none()}, sink);
  CHECK(cause_of([&] { get(u, "slow"); }) == error_cause::timeout);
  hasty.slowest = 1;
  hasty.total = 200ms;
  store v(larder::http_blob{larder::webdav{.url = server.url(), .timeouts = hasty}, larder::resilience::none()}, sink);
  CHECK(cause_of([&] { get(v, "slow"); }) == error_cause::timeout);
}

TEST_CASE("a listing that lies is refused or ignored") {
  blob_server server;
  store s(at(server.url() + "/m"), sink);
  const auto lists = [&](const std::string& body) -> std::optional<std::map<std::string, std::uint64_t>> {
    CAPTURE(body.substr(0, 200));
    server.inject({.kind = fault_kind::verbatim,
                   .reply = "HTTP/1.1 207 Multi-Status\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body});
    try {
      return listed(s, "");
    } catch (const larder::error& e) {
      CHECK(e.cause() == error_cause::server);
      return std::nullopt;
    }
  };
  const auto document = [](const std::string& inside) { return "<a:multistatus xmlns:a='DAV:'>" + inside + "</a:multistatus>"; };
  const auto object = [](const std::string& href) {
    return "<a:response><a:href>" + href + "</a:href><a:propstat><a:prop><a:getcontentlength>3</a:getcontentlength></a:prop><a:status>HTTP/1.1 200 OK</a:status></a:propstat></a:response>";
  };
  using names = std::map<std::string, std::uint64_t>;
  CHECK(lists(document(object("/m/x"))) == names{{"x", 3}});
  CHECK(lists(document(object("http://elsewhere:1/m/x"))) == names{{"x", 3}});
  for (const char* href : {"/m/../x", "/m/..", "/m/%2e%2e", "/m/a%2fb", "/m/a/b", "/x", "/m", "/m/", "m/x", "/m/a%00b", "/m/a%0d%0ab", "/m/%zz", "/m/x%", "", "http://h", "/m/C:%5cx", "/m//x", "/mx"}) {
    CAPTURE(href);
    CHECK(lists(document(object(href))) == names{});
  }
  CHECK_FALSE(lists(""));
  CHECK_FALSE(lists("<html><body>hello</body></html>"));
  CHECK_FALSE(lists("<multistatus/>"));  // not of WebDAV's namespace
  CHECK_FALSE(lists(document("<a:response>")));
  CHECK_FALSE(lists("<!DOCTYPE x [<!ENTITY e \"eeeeeeeeee\">]>" + document(object("/m/&e;"))));
  CHECK_FALSE(lists("<!DOCTYPE a:multistatus SYSTEM \"http://127.0.0.1:1/x.dtd\">" + document("")));
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "<a>";
  CHECK_FALSE(lists(document(deep)));
  CHECK_FALSE(lists(document(object("/m/" + std::string(100'000, 'x')))));
}

TEST_CASE("a tree that never ends is left") {
  blob_server server;
  store s(at(server.url() + "/m"), sink);
  // Each collection holds itself one deeper: the names grow past what a name may be, and that ends it.
  std::string path = "/m";
  for (int i = 0; i < 600; ++i) {
    path += "/d";
    server.store(path + "/o", larder::bytes{});
  }
  CHECK(listed(s, "").size() == 511);
}

TEST_CASE("no secret shows in any error") {
  const std::string planted = "hunter2-PLANTED";
  std::vector<std::string> texts;
  const auto keep = [&](auto&& f) {
    try {
      f();
      FAIL_CHECK("an error was expected");
    } catch (const larder::error& e) {
      texts.emplace_back(e.what());
    }
  };
  const auto make = [&](larder::webdav settings) { store made(larder::http_blob{std::move(settings)}, sink); };
  keep([&] { make({.url = "http://user:" + planted + "@127.0.0.1/x"}); });
  keep([&] { make({.url = "http://user:" + planted + "/y@127.0.0.1/x"}); });
  keep([&] { make({.url = "https://h/x?sig=" + planted}); });
  keep([&] { make({.url = "https://h/x#" + planted}); });
  keep([&] { make({.url = "ftp://u:" + planted + "@h/x"}); });
  keep([&] { make({.url = "http://192.0.2.1/x", .user = "u", .password = planted}); });
  keep([&] { make({.url = "http://127.0.0.1.example/x", .bearer_token = planted}); });
  keep([&] { make({.url = "https://h/x", .password = planted}); });
  keep([&] { make({.url = "https://h/x", .user = "u", .password = planted, .bearer_token = planted}); });
  keep([&] { make({.url = "https://h/x", .user = "a:b", .password = planted}); });

  blob_server server({.authorization = "Basic " + larder::remote::base64("me:" + planted)});
  store good(larder::http_blob{larder::webdav{.url = server.url(), .user = "me", .password = planted, .timeouts = patient}, larder::resilience::none()}, sink);
  CHECK(put(good, "o", "text"));
  CHECK(get(good, "o") == "text");
  store wrong(larder::http_blob{larder::webdav{.url = server.url(), .bearer_token = planted, .timeouts = patient}, larder::resilience::none()}, sink);
  CHECK(cause_of([&] { get(wrong, "o"); }) == error_cause::unauthorized);
  store hasty(larder::http_blob{larder::webdav{.url = server.url(), .user = "me", .password = planted, .timeouts = quick}, larder::resilience::none()}, sink);
  server.inject({.kind = fault_kind::stall});
  keep([&] { get(hasty, "o"); });
  for (store* s : {&good, &wrong})
    for (const fault& f : std::vector<fault>{{.status = 401}, {.status = 500}, {.status = 302}, {.kind = fault_kind::close, .times = 9},
                                             {.kind = fault_kind::verbatim, .reply = "HTTP/1.1 200 " + planted + "\r\n" + planted + "\r\n\r\n"},
                                             {.kind = fault_kind::verbatim, .reply = "HTTP/1.1 403 " + planted + "\r\nX: " + planted + "\r\n\r\n" + planted}}) {
      server.inject(f);
      keep([&] { get(*s, "o"); });
      server.clear_faults();
    }
  store broken(larder::http_blob{larder::webdav{.url = server.url(), .bearer_token = planted + "\r\nX: y", .timeouts = quick}, larder::resilience::none()}, sink);
  keep([&] { get(broken, "o"); });
  for (const std::string& text : texts) {
    CAPTURE(text);
    CHECK(text.find(planted) == std::string::npos);
    CHECK(text.find(larder::remote::base64("me:" + planted)) == std::string::npos);
  }
}

TEST_CASE("settings and names that cannot work are refused before anything is sent") {
  for (const char* url : {"", "x", "http://", "http://h:0/", "http://h:65536/", "http://h:x/", "http://h/a/../b", "http://h/a%2fb", "http://h//a", "http://h/a b", "file:///etc", "http://[::1/", "http://h/%4", "http://h\r\nX: y/"}) {
    CAPTURE(url);
    CHECK(cause_of([&] { store made(larder::http_blob{larder::webdav{.url = url}}, sink); }) == error_cause::invalid_argument);
  }
  blob_server server;
  store s(at(server.url()), sink);
  for (const char* name : {"", "/a", "a/", "a//b", ".", "..", "a/../b", "A", "a b", "a%2fb", "a\\b", "a\r\nb", "a~b"}) {
    CAPTURE(name);
    CHECK(cause_of([&] { s.get(name, {}); }) == error_cause::invalid_argument);
    CHECK(cause_of([&] { s.head(name); }) == error_cause::invalid_argument);
    CHECK(cause_of([&] { put(s, name, "x"); }) == error_cause::invalid_argument);
    CHECK(cause_of([&] { s.erase(name); }) == error_cause::invalid_argument);
  }
  CHECK(server.counts().connections == 0);
}
