// What a hostile, broken or wrong server can do to a client, and what must come of it: an error of the right cause or the exact
// value, never a wrong one, never a secret where it can be read, never a request to a place that the server chose. E1, E2 ... are
// the lines of the project's list of such cases, by which reviewers look for them. Those that are not here, or not here alone:
//
//   E1   each protocol's client and credential for itself; http_blob_resilience, redis, azure_default_credential_tests.cpp
//   E2   http_blob_nginx_tests.cpp (a custom authority, another name), azure_tests.cpp (token services)
//   E3   azure, s3, webdav, redis_connection, azure_authority_tests.cpp: credentials go unencrypted to this machine only
//   E6   blob_name, http_blob_tests.cpp: names; azure_client, s3_client, multistatus, redis_objects: what listings say
//   E7   redis_command_tests.cpp: words with their lengths
//   E8   access_token, azure_listing, s3_answer, multistatus, redis_reply_tests.cpp: documents and replies
//   E11  azure_answer, azure_client, s3_client, http_blob_resilience_tests.cpp
//   E12  azure_cli_credential, bounded_command, workload_identity_credential_tests.cpp
//   E15  support/: the servers of tests listen on 127.0.0.1

#include <larder/cache.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/testing/blob_server.hpp>
#include <larder/testing/fault_proxy.hpp>
#include <larder/tiered.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/patient_timeouts.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/tls_server.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
namespace remote = larder::remote;
using larder::error_cause;
using larder::put_mode;
using larder::testing::blob_server;
using larder::testing::fault;
using larder::testing::fault_kind;
using larder::testing::fault_proxy;

constexpr larder::remote_timeouts quick{.connect = 2'000ms, .first_byte = 200ms, .stall = 200ms, .slowest = 1, .total = 20'000ms};

const std::string planted = "PLANTED-hunter2";

/// A WebDAV client over the transport that is on trial.
template <class Transport>
struct client_over {
  using stack = remote::authorized<Transport, remote::fixed_credentials>;

  explicit client_over(const std::string& url, const larder::remote_timeouts& timeouts = patient, const std::string& ca_file = {})
      : settings{.url = url,
                 .bearer_token = planted,
                 .timeouts = timeouts,
                 .ca_file = ca_file,
                 .max_object = std::uint64_t{1} << 20U},
        transport(settings.credentials(), settings.transport()),
        client(settings, transport) {}

  std::optional<std::string> get(std::string_view name, larder::byte_range range = {}) {
    const std::optional<larder::bytes> found = client.get(name, range);
    return found ? std::optional<std::string>(found->text()) : std::nullopt;
  }
  bool put(std::string_view name, const std::string& text) {
    const larder::bytes body = larder::bytes::copy_of(text);
    return client.put(name, {&body, 1}, put_mode::replace);
  }
  std::vector<std::string> list() {
    std::vector<std::string> names;
    client.list("", [&](std::string_view name, const larder::blob_info&) { names.emplace_back(name); });
    return names;
  }

  larder::webdav settings;
  stack transport;
  larder::webdav::client<stack> client;
};

bool tells_secret(const std::string& text) {
  return text.find("PLANTED") != std::string::npos || text.find("hunter2") != std::string::npos;
}

/// The operations of a store, by the method that each sends first.
template <class Client>
std::vector<std::pair<std::string, std::function<void()>>> operations(Client& c) {
  return {{"GET", [&] { c.get("o"); }},         {"GET", [&] { c.get("o", {1, 2}); }},     {"HEAD", [&] { c.client.head("o"); }},
          {"PUT", [&] { c.put("o", "text"); }}, {"DELETE", [&] { c.client.erase("o"); }}, {"PROPFIND", [&] { c.list(); }}};
}

}  // namespace

#define TRANSPORTS remote::curl_transport

TEST_CASE_TEMPLATE("E1: no failure of any kind repeats a secret, whatever the server echoes", Transport, TRANSPORTS) {
  blob_server server;
  server.store("/o", larder::bytes::copy_of("text", 4));
  client_over<Transport> client(server.url());
  client_over<Transport> hasty(server.url(), quick);
  const auto fails = [&](client_over<Transport>& c, const fault& f) {
    for (const auto& tried : operations(c)) {
      const std::string& method = tried.first;  // a binding would not do: what CAPTURE makes of it is a lambda
      CAPTURE(method);
      CAPTURE(static_cast<int>(f.kind));
      CAPTURE(f.status);
      server.inject(f);
      const refusal came = refusal_of(tried.second);
      server.clear_faults();
      server.release();
      CHECK(came.cause);
      CHECK_FALSE(tells_secret(came.message));
      CHECK(came.message.find(server.url()) != std::string::npos);  // it names the place
    }
  };
  const std::string echo = "X-Echo: Bearer " + planted + "\r\nWWW-Authenticate: Bearer " + planted + "\r\n";
  for (int status = 401; status <= 599; ++status)
    if (!remote::is_absent(status) && status != 405 && status != 409 && status != 416 &&
        status != 501)  // which have a meaning for some operation
      fails(client, {.kind = fault_kind::verbatim,
                     .times = 3,
                     .reply = "HTTP/1.1 " + std::to_string(status) + " " + planted + "\r\n" + echo +
                              "Content-Length: " + std::to_string(planted.size()) + "\r\n\r\n" + planted,
                     .keep_connection = true});
  fails(client, {.kind = fault_kind::close, .times = fault::always});
  fails(client, {.kind = fault_kind::reset, .times = fault::always});
  fails(client, {.kind = fault_kind::redirect,
                 .times = fault::always,
                 .location = "https://" + planted + "@127.0.0.1/" + planted + "?" + planted});
  fails(client, {.kind = fault_kind::verbatim, .times = fault::always, .reply = planted + "\r\n\r\n"});
  fails(client, {.kind = fault_kind::verbatim, .times = fault::always, .reply = "HTTP/1.1 200 OK\r\n" + planted + "\r\n\r\n"});
  fails(client, {.kind = fault_kind::verbatim,
                 .times = fault::always,
                 .reply = "HTTP/1.1 200 OK\r\nContent-Length: " + planted + "\r\n\r\n"});
  fails(hasty, {.kind = fault_kind::black_hole, .times = fault::always});
}

TEST_CASE("E1: nor do a cache's error events, whatever fails below it") {
  blob_server server;
  fault_proxy proxy(server.port());
  std::vector<std::string> messages;
  std::mutex mutex;
  auto cache = larder::make_cache<std::string, std::string>(
      larder::unbounded{},
      larder::http_blob{larder::webdav{.url = proxy.url(), .user = "me", .password = planted, .timeouts = quick}},
      larder::error_listener{[&](const larder::error_event& e) {
        const std::lock_guard guard(mutex);
        messages.push_back(e.message);
      }});
  CHECK(cache.put("key", "value"));
  const std::vector<fault> all{{.status = 401},
                               {.status = 403},
                               {.status = 500},
                               {.kind = fault_kind::reset},
                               {.kind = fault_kind::close},
                               {.kind = fault_kind::stall},
                               {.kind = fault_kind::black_hole},
                               {.kind = fault_kind::truncate, .after = 0},
                               {.kind = fault_kind::flip_byte, .after = 3},
                               {.kind = fault_kind::redirect, .location = "/" + planted}};
  for (fault f : all) {
    CAPTURE(static_cast<int>(f.kind));
    CAPTURE(f.status);
    f.times = fault::always;
    proxy.inject(f);
    CHECK_FALSE(cache.get("key"));
    proxy.clear_faults();
    CHECK(cache.get("key") == "value");  // E11: no failure is remembered as absence
  }
  const auto stats = cache.stats();
  CHECK(stats.errors[error_cause::unauthorized] == 2);  // E11: counted as what they are
  CHECK(stats.errors[error_cause::timeout] == 2);
  CHECK(stats.errors[error_cause::corruption] == 1);
  const std::lock_guard guard(mutex);
  CHECK(messages.size() == all.size());
  for (const std::string& text : messages) CHECK_FALSE(tells_secret(text));
}

TEST_CASE_TEMPLATE("E4: no redirect is followed, and none carries credentials anywhere", Transport, TRANSPORTS) {
  blob_server server;
  blob_server elsewhere;
  elsewhere.store("/o", larder::bytes::copy_of("evil", 4));
  client_over<Transport> client(server.url());
  for (const int status : {301, 302, 303, 307, 308})
    for (const std::string& to : {elsewhere.url() + "/o", server.url() + "/other", std::string("file:///etc/passwd"),
                                  std::string("//127.0.0.2/o"), std::string("http://169.254.169.254/latest/meta-data")})
      for (const auto& tried : operations(client)) {
        const std::string& method = tried.first;
        CAPTURE(method);
        server.inject({.kind = fault_kind::redirect, .method = method, .status = status, .location = to});
        CHECK(cause_of(tried.second) == error_cause::server);
        server.clear_faults();
      }
  CHECK(elsewhere.counts().connections == 0);
}

TEST_CASE_TEMPLATE("E5: no address that an answer names is asked", Transport, TRANSPORTS) {
  blob_server server;
  blob_server elsewhere;
  elsewhere.store("/x", larder::bytes::copy_of("evil", 4));
  server.store("/o", larder::bytes::copy_of("text", 4));
  server.store("/x", larder::bytes::copy_of("ours", 4));
  client_over<Transport> client(server.url());
  server.inject({.kind = fault_kind::header_lines,
                 .reply = "Content-Location: " + elsewhere.url() + "/x\r\nLink: <" + elsewhere.url() +
                          "/x>; rel=canonical\r\nRefresh: 0; url=" + elsewhere.url() + "/x\r\nAlt-Svc: h2=\"127.0.0.1:" +
                          std::to_string(elsewhere.port()) + "\"\r\nx-ms-copy-source: " + elsewhere.url() + "/x\r\n"});
  CHECK(client.get("o") == "text");
  CHECK(client.get("o") == "text");
  const std::string listing =
      "<a:multistatus xmlns:a='DAV:'><a:response><a:href>" + elsewhere.url() +
      "/x</a:href><a:propstat><a:prop/><a:status>HTTP/1.1 200 OK</a:status></a:propstat></a:response></a:multistatus>";
  server.inject({.kind = fault_kind::verbatim,
                 .reply = "HTTP/1.1 207 -\r\nContent-Length: " + std::to_string(listing.size()) + "\r\n\r\n" + listing});
  CHECK(client.list() == std::vector<std::string>{"x"});  // whose size had to be asked for: of our server
  CHECK(elsewhere.counts().connections == 0);
}

TEST_CASE_TEMPLATE("E7: nothing that would be a line of its own is sent", Transport, TRANSPORTS) {
  blob_server server;
  Transport transport({patient, {}});
  for (const std::string& value : {std::string("a\r\nX: y"), std::string("a\nb"), std::string("\r"), std::string("a\0b", 3)}) {
    remote::http_request request;
    request.target = remote::parse_url(server.url()).child("o");
    request.headers.push_back({"X-Value", value});
    CHECK(cause_of([&] { transport.send(request); }) == error_cause::invalid_argument);
  }
  CHECK(server.counts().connections == 0);
}

namespace {

/// Sends `reply` for one get, on a connection that stays open, and checks that nothing of it is left for the next one.
template <class Transport>
class deceiver {
 public:
  deceiver() : client(server.url()), hasty(server.url(), quick) { server.store("/o", larder::bytes::copy_of("real", 4)); }

  /// The value that came of it, or its error.
  std::pair<std::optional<std::string>, std::optional<error_cause>> get(const std::string& reply, larder::byte_range range = {},
                                                                        bool keep = true) {
    CHECK(client.get("o") == "real");  // so that a connection stands
    server.inject({.kind = fault_kind::verbatim, .reply = reply, .keep_connection = keep});
    std::optional<std::string> value;
    const std::optional<error_cause> cause = cause_of([&] { value = (keep ? hasty : client).get("o", range); });
    server.clear_faults();
    CHECK((keep ? hasty : client).get("o") == "real");
    return {value, cause};
  }
  bool refused(const std::string& reply, larder::byte_range range = {}, bool keep = true) {
    CAPTURE(reply.substr(0, 200));
    const auto [value, cause] = get(reply, range, keep);
    CHECK_FALSE(value);
    return cause.has_value();
  }
  /// An error, or exactly this.
  bool refused_or(const std::string& expected, const std::string& reply, bool keep = true) {
    CAPTURE(reply.substr(0, 200));
    const auto [value, cause] = get(reply, {}, keep);
    if (value) CHECK(*value == expected);
    return cause.has_value() != (value == expected);
  }

  blob_server server;
  client_over<Transport> client;
  client_over<Transport> hasty;
};

const std::string ok = "HTTP/1.1 200 OK\r\n";

}  // namespace

TEST_CASE_TEMPLATE("E8: heads, chunks and trailers without end are left", Transport, TRANSPORTS) {
  deceiver<Transport> d;
  const std::string much(2'000'000, 'x');
  CHECK(d.refused(ok + "X: " + std::string(40'000, 'x') + "\r\nContent-Length: 4\r\n\r\nevil"));
  std::string flood;
  for (int i = 0; i < 101; ++i) flood += "H" + std::to_string(i) + ": v\r\n";
  CHECK(d.refused(ok + flood + "Content-Length: 4\r\n\r\nevil"));
  CHECK(d.refused("HTTP/1.1 200 " + much + "\r\nContent-Length: 4\r\n\r\nevil"));
  CHECK(d.refused(much));
  CHECK(d.refused_or("text", ok + "Transfer-Encoding: chunked\r\n\r\n4;" + much +
                                 "\r\ntext\r\n0\r\n\r\n"));  // is read over, and takes no memory
  CHECK(d.refused(ok + "Transfer-Encoding: chunked\r\n\r\n" + std::string(100, '0') + "4\r\nevil\r\n0\r\n\r\n"));
  CHECK(d.refused(ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\nX: " + much + "\r\n\r\n"));
  std::string trailers;
  for (int i = 0; i < 4000; ++i) trailers += "T" + std::to_string(i) + ": v\r\n";
  CHECK(d.refused(ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n" + trailers + "\r\n"));
  std::string crumbs = ok + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < (1 << 20) + 1; ++i) crumbs += "1\r\nx\r\n";  // one more than max_object
  CHECK(d.refused(crumbs + "0\r\n\r\n"));
  CHECK(d.refused(ok + "Content-Length: 1048577\r\n\r\n"));  // before a byte of it has come
  CHECK(d.refused(ok + "\r\n" + std::string((1U << 20U) + 1, 'x'), {}, false));
  d.server.inject(
      {.kind = fault_kind::verbatim, .reply = "HTTP/1.1 207 -\r\nContent-Length: 67108865\r\n\r\n", .keep_connection = true});
  CHECK(cause_of([&] { d.hasty.list(); }) == error_cause::server);  // a listing of more than its limit
}

TEST_CASE_TEMPLATE("E9: no encoding is undone that nobody asked for", Transport, TRANSPORTS) {
  deceiver<Transport> d;
  const std::string zipped("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x2d\xcb\xcc\x01\x00\x18\xcd\x53\x27\x04\x00\x00\x00",
                           24);  // gzip of "evil"
  const std::string length = "Content-Length: " + std::to_string(zipped.size()) + "\r\n\r\n";
  for (const char* encoding :
       {"gzip", "x-gzip", "GZip", "deflate", "br", "zstd", "identity, gzip", "gzip, gzip, gzip", "unknown"}) {
    CAPTURE(encoding);
    CHECK(d.refused(ok + "Content-Encoding: " + encoding + "\r\n" + length + zipped));
  }
  CHECK(d.refused(ok + "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n" + length + zipped));
  CHECK(d.get(ok + "Content-Encoding: identity\r\nContent-Length: 4\r\n\r\ntext").first == "text");
  CHECK(d.refused(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n18\r\n" + zipped + "\r\n0\r\n\r\n"));
  CHECK(d.refused(ok + "Transfer-Encoding: gzip\r\n\r\n" + zipped, {}, false));
  CHECK(d.refused(ok + "Transfer-Encoding: unknown\r\nContent-Length: 4\r\n\r\nevil", {}, false));
}

TEST_CASE_TEMPLATE("E10: an answer to a range is that range, or refused", Transport, TRANSPORTS) {
  deceiver<Transport> d;
  const std::string part = "HTTP/1.1 206 Partial Content\r\n";
  const auto range = [&](const std::string& content_range, const std::string& body, larder::byte_range asked = {1, 2}) {
    return d.get(
        part + "Content-Range: " + content_range + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
        asked);
  };
  CHECK(range("bytes 1-2/4", "ea").first == "ea");
  for (const char* wrong :
       {"bytes 0-1/4", "bytes 2-3/4", "bytes 1-3/4", "bytes 1-1/4", "bytes 1-2/2", "bytes 2-1/4", "bytes */4", "bytes 1-2",
        "1-2/4", "bytes 1-99999999999999999999/4", "bytes -1-2/4", "bytes 1-2/-4", "bytes +1-2/4", "lines 1-2/4", ""}) {
    CAPTURE(wrong);
    CHECK(range(wrong, "ea").second == error_cause::server);
  }
  CHECK(range("bytes 1-2/4", "e").second == error_cause::server);           // shorter than it says
  CHECK(range("bytes 1-2/4", "eal").second == error_cause::server);         // longer
  CHECK(range("bytes 1-2/4", "ea", {1, 1}).second == error_cause::server);  // more than was asked for
  CHECK(range("bytes 1-2/9", "ea", {1, 8}).second == error_cause::server);  // less, and not to the end
  CHECK(d.get(part + "Content-Range: bytes 1-2/4\r\nContent-Range: bytes 0-1/4\r\nContent-Length: 2\r\n\r\nea", {0, 2}).second ==
        error_cause::server);
  CHECK(d.refused(part + "Content-Range: bytes 1-2/4\r\nContent-Length: 2\r\n\r\ne", {1, 2}, false));
  d.server.inject({.kind = fault_kind::ignore_range});
  CHECK(d.client.get("o", {1, 2}) == "ea");  // the whole came, the part is cut from it
}

TEST_CASE("E10: a bit that turns on the way is a counted miss, wherever it is, and never a value") {
  blob_server server;
  fault_proxy proxy(server.port());
  auto cache = larder::make_cache<std::string, std::string>(
      larder::unbounded{}, larder::http_blob{larder::webdav{.url = proxy.url(), .timeouts = patient}});
  const std::string value(300, 'v');
  CHECK(cache.put("key", value));
  REQUIRE(server.paths().size() == 1);
  const std::size_t size = server.object(server.paths().front())->size();
  std::uint64_t noticed = 0;
  for (std::size_t at = 0; at < size; ++at) {
    CAPTURE(at);
    proxy.inject({.kind = fault_kind::flip_byte, .method = "GET", .after = at});
    const std::optional<std::string> got = cache.get("key");
    if (got)
      CHECK(*got == value);  // padding
    else
      ++noticed;
    if (!cache.get("key")) CHECK(cache.put("key", value));
  }
  CHECK(noticed >= value.size());
  CHECK(cache.stats().errors[error_cause::corruption] == noticed);
}

TEST_CASE_TEMPLATE("E11: only an absent object is absent", Transport, TRANSPORTS) {
  blob_server server;
  server.store("/o", larder::bytes::copy_of("text", 4));
  client_over<Transport> client(server.url());
  for (const int status : {401, 403, 407, 408, 409, 412, 429, 451, 500, 502, 503, 504, 507, 301, 304, 201, 204, 206, 207}) {
    CAPTURE(status);
    server.inject({.status = status, .retry_after = "1"});
    CHECK(cause_of([&] { client.get("o"); }) == (status == 206 ? error_cause::server : remote::cause_of_status(status)));
    server.clear_faults();
    CHECK(client.get("o") == "text");
  }
  CHECK_FALSE(client.get("absent"));
}

TEST_CASE_TEMPLATE("answers that two readers would cut differently are refused or read in one way, and leave nothing behind",
                   Transport, TRANSPORTS) {
  deceiver<Transport> d;
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
  SUBCASE("two lengths") {
    CHECK(d.refused(ok + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nevil!"));
    CHECK(d.refused_or("text", ok + "Content-Length: 4\r\nContent-Length: 4\r\n\r\ntext"));
    for (const char* length : {"4, 5", "4,4", "+4", "-4", "0x4", "4 4", "4;", "4e0", "", "99999999999999999999", "4\t5"}) {
      CAPTURE(length);
      CHECK(d.refused(ok + "Content-Length: " + length + "\r\n\r\nevil", {}, false));
    }
  }
  SUBCASE("a length and chunks") {
    CHECK(d.refused_or("text", ok + "Content-Length: 9\r\n" + chunked + "\r\n4\r\ntext\r\n0\r\n\r\n"));
    CHECK(d.refused_or("text", ok + chunked + "Content-Length: 3\r\n\r\n4\r\ntext\r\n0\r\n\r\n" + smuggled));
    CHECK(d.refused_or("text", ok + "Transfer-Encoding: chunked, chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n"));
    CHECK(d.refused_or("text", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n"));
  }
  SUBCASE("chunks that are none") {
    for (const char* body :
         {"4\r\nevilX\r\n0\r\n\r\n", "-4\r\nevil\r\n0\r\n\r\n", "0x4\r\nevil\r\n0\r\n\r\n", "+4\r\nevil\r\n0\r\n\r\n",
          "g\r\nevil\r\n0\r\n\r\n", "\r\nevil\r\n0\r\n\r\n", "4\r\nevil0\r\n\r\n", "10000000000000004\r\nevil\r\n0\r\n\r\n",
          "ffffffffffffffff\r\nevil\r\n0\r\n\r\n", "7fffffffffffffff\r\nevil\r\n0\r\n\r\n", "4\r\nevil\r\n"}) {
      CAPTURE(body);
      CHECK(d.refused(ok + chunked + "\r\n" + body, {}, false));
    }
    CHECK(d.refused_or("evi\r", ok + chunked + "\r\n4\r\nevi\r\n0\r\n\r\n", false));
  }
  SUBCASE("bytes behind the end") {
    CHECK(d.refused_or("text", ok + "Content-Length: 4\r\n\r\ntext" + smuggled));
    CHECK(d.refused_or("text", ok + chunked + "\r\n4\r\ntext\r\n0\r\n\r\n" + smuggled));
    CHECK(d.refused("HTTP/1.1 204 -\r\nContent-Length: 4\r\n\r\nevil" + smuggled));
    CHECK(d.refused("HTTP/1.1 304 -\r\nContent-Length: 4\r\n\r\nevil" + smuggled));
    CHECK(d.client.client.head("o"));
    d.server.inject({.kind = fault_kind::verbatim,
                     .method = "HEAD",
                     .reply = ok + "Content-Length: 46\r\n\r\n" + smuggled,
                     .keep_connection = true});
    CHECK(d.client.client.head("o")->size == 46);
    CHECK(d.client.get("o") == "real");
  }
  SUBCASE("lines that are folded, end alone, or hide their name") {
    CHECK(d.refused_or("text", ok + "X: a\r\n folded\r\nContent-Length: 4\r\n\r\ntext"));
    CHECK(d.refused_or("text", ok + "X: a\r\n\tContent-Length: 9\r\nContent-Length: 4\r\n\r\ntext"));
    CHECK(d.refused_or("text", ok + " Content-Length: 9\r\nContent-Length: 4\r\n\r\ntext"));
    CHECK(d.refused_or("text", "HTTP/1.1 200 OK\nContent-Length: 4\n\ntext"));
    CHECK(d.refused_or("text", ok + "X: a\rContent-Length: 9\r\nContent-Length: 4\r\n\r\ntext"));
    CHECK(d.refused_or("text", ok + std::string("X: a\0b\r\n", 8) + "Content-Length: 4\r\n\r\ntext"));
    CHECK(d.refused_or("text", ok + "Content-Length : 9\r\nContent-Length: 4\r\n\r\ntext"));
    CHECK(d.refused_or("text", ok + ": v\r\nContent-Length: 4\r\n\r\ntext"));
    CHECK(d.refused(ok + "no colon\r\nContent-Length: 4\r\n\r\nevil"));
  }
  SUBCASE("a first line that is none") {
    for (const char* line : {"", "HTTP/1.1 200", "HTTP/1.1  200 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 20 OK", "HTTP/1.1 099 x",
                             "HTTP/1.1 600 x", "HTTP/1.1 -20 x", "HTTP/9.9 200 OK", "HTTP/0.9 200 OK", "ICY 200 OK",
                             "http/1.1 200 OK", "GET /o HTTP/1.1", "HTTP/1.1 101 Switching", "HTTP/1.1 abc"}) {
      CAPTURE(line);
      CHECK(d.refused_or("text", std::string(line) + "\r\nContent-Length: 4\r\n\r\ntext", false));
    }
    CHECK(d.refused("text", {}, false));  // HTTP/0.9
  }
}

TEST_CASE("E2: TLS is verified, by name too, and nothing older than 1.2 is spoken") {
  if (!has_openssl()) return;
  const support::temporary_folder folder;
  const self_signed identity(folder.path());
  const std::string& certificate = identity.certificate;
  const auto ask = [&](const std::string& url, const std::string& ca_file) {
    client_over<remote::curl_transport> client(url, patient, ca_file);
    return refusal_of([&] { client.get("o"); });
  };
  const auto refused = [&](const refusal& came) {
    CAPTURE(came.message);
    CHECK_FALSE(tells_secret(came.message));  // E1
    return came.cause == error_cause::network;
  };
  {
    const tls_server server(identity, {"-www", "-tls1_2"});
    if (server.port.empty()) {
      MESSAGE("skipped: this openssl s_server does not tell its port");
      return;
    }
    CHECK_FALSE(ask(server.url("localhost"), certificate).cause);
    CHECK(refused(ask(server.url("localhost"), "")));           // nobody vouches for it
    CHECK(refused(ask(server.url("127.0.0.1"), certificate)));  // another name than the certificate's
    CHECK_FALSE(ask(server.url("localhost"), certificate).cause);
  }
  const std::vector<std::string> old{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"};
  std::vector<std::string> served{"-www"};
  served.insert(served.end(), old.begin(), old.end());
  const tls_server server(identity, served);
  std::vector<std::string> control{openssl_path, "s_client", "-connect", "127.0.0.1:" + server.port};
  control.insert(control.end(), old.begin(), old.end());
  if (server.port.empty() || child_program(control).wait() != 0) {
    MESSAGE("skipped: this openssl cannot speak TLS 1.1");
    return;
  }
  CHECK(refused(ask(server.url("localhost"), certificate)));
}

TEST_CASE("E14: nothing that writes leaves the process for a tier that is only read, whatever is done to the tiers") {
  blob_server server;
  const larder::http_blob policy{larder::webdav{.url = server.url(), .timeouts = patient}};
  auto elsewhere = larder::make_cache<std::string, std::string>(larder::unbounded{}, policy);
  CHECK(elsewhere.put("there", "value"));
  const std::vector<std::string> before = server.paths();
  const auto writes = [&] {
    std::uint64_t all = 0;
    for (const auto& [method, count] : server.counts().requests)
      if (method != "GET" && method != "HEAD" && method != "PROPFIND") all += count;
    return all;
  };
  const std::uint64_t written = writes();
  auto near = larder::make_cache<std::string, std::string>(larder::max_entries{100});
  auto far = larder::make_cache<std::string, std::string>(larder::unbounded{}, policy);
  larder::tiered tiers{near, larder::read_only(far)};
  CHECK(tiers.get("there") == "value");
  CHECK_FALSE(tiers.get("absent"));
  CHECK(tiers.put("there", "other"));
  CHECK(tiers.put_if_absent("new", "value"));
  CHECK(tiers.get_or_load("loaded", [] { return std::string("value"); }) == "value");
  tiers.get_or_load_many(std::vector<std::string>{"a", "b"},
                         [](const std::vector<std::string>& keys) { return std::vector<std::string>(keys.size()); });
  tiers.erase("there");
  tiers.erase_prefix("t");
  tiers.erase_if([](const std::string&) { return true; });
  tiers.purge_expired();
  tiers.clear();
  CHECK(tiers.flush());
  CHECK(writes() == written);
  CHECK(server.paths() == before);
  CHECK(far.stats().errors.total() == 0);
}
