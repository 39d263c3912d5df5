// http_blob in S3, against a server that verifies every signature with AWS's own signer (tests/support/s3_server.js).

#include <larder/cache.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/testing/storage_conformance.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/blob_objects.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/s3_server.hpp"
#include "support/silent_sink.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
namespace fs = std::filesystem;
using larder::bytes;
using larder::error_cause;
using larder::put_mode;
using larder::s3;
using larder::tests::s3_server;
using larder::tests::s3_server_options;
using store = larder::http_blob<s3>::store;

static_assert(larder::blob_store<store>);
static_assert(larder::storage_policy<larder::http_blob<s3>>);
static_assert(larder::remote::blob_protocol<s3>);

support::silent_sink sink;

// Whatever has to succeed gets patient limits, however busy the machine is.
constexpr larder::remote_timeouts patient{
    .connect = 20'000ms, .first_byte = 60'000ms, .stall = 60'000ms, .slowest = 1, .total = 120'000ms};

s3 at(const s3_server& server) {
  return {.bucket = "models",
          .region = "us-east-1",
          .endpoint = server.url(),
          .access_key_id = "AKIDTEST",
          .secret_access_key = "s3cr3t+/planted",
          .timeouts = patient};
}

/// A client by itself, for what a store does not offer.
struct direct {
  explicit direct(const s3& settings) : transport(settings.credentials(), settings.transport()), client(settings, transport) {}
  larder::remote::authorized<larder::remote::curl_transport, larder::remote::sigv4> transport;
  s3::client<larder::remote::authorized<larder::remote::curl_transport, larder::remote::sigv4>> client;
};

/// How many uploads the server holds that are neither completed nor given up.
std::string open_uploads(const s3_server& server) {
  larder::remote::curl_transport transport({patient, {}});
  larder::remote::http_request request;
  request.target = larder::remote::parse_url(server.url() + "/-/uploads");
  return std::string(transport.send(request).body.text());
}

}  // namespace

TEST_CASE("a bucket keeps the contract of a blob store, in the path and before the host, hashed and not") {
  const auto server = s3_server::start();
  if (!server) return;
  for (const bool before_host : {false, true}) {
    CAPTURE(before_host);
    s3 settings = at(*server);
    settings.prefix = before_host ? "conf/host" : "conf/path/";
    if (before_host) {
      settings.endpoint = "http://localhost:" + std::to_string(server->port());
      settings.addressing = larder::s3_addressing::virtual_hosted;
    }
    store s(larder::http_blob{settings}, sink);
    const larder::testing::conformance result = larder::testing::check_blob_store(s);
    CHECK(result.text() == "");
  }
}

TEST_CASE("objects of any size come back whole, in one request or in parts, and replace each other") {
  const auto server = s3_server::start();
  if (!server) return;
  s3 settings = at(*server);
  settings.part_size = s3::min_part_size;
  store s(larder::http_blob{settings}, sink);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{5} << 20U, (std::size_t{5} << 20U) + 1, (std::size_t{20} << 20U) + 3}) {
    CAPTURE(size);
    const std::string name = "ab/cd/" + std::to_string(size);
    const std::string text = pattern(size);
    CHECK_FALSE(s.head(name));
    CHECK_FALSE(s.get(name, {}));
    CHECK_FALSE(s.erase(name));
    CHECK(put(s, name, text));
    CHECK(get(s, name) == text);
    REQUIRE(s.head(name));
    CHECK(s.head(name)->size == size);
    CHECK_FALSE(s.head(name)->etag.empty());
    CHECK_FALSE(put(s, name, "other", put_mode::create_only));
    CHECK_FALSE(put(s, name, pattern(size + (std::size_t{5} << 20U), 3), put_mode::create_only));
    CHECK(get(s, name) == text);
    CHECK(put(s, name, pattern(size, 7)));
    CHECK(get(s, name) == pattern(size, 7));
    CHECK(s.erase(name));
    CHECK_FALSE(s.erase(name));
    CHECK_FALSE(s.get(name, {}));
  }
  CHECK(open_uploads(*server) == "0");
}

TEST_CASE("a range is cut to the object, and an absent object is absent whatever is asked of it") {
  const auto server = s3_server::start();
  if (!server) return;
  store s(larder::http_blob{at(*server)}, sink);
  const std::string whole = pattern(5000);
  CHECK(put(s, "o", whole));
  CHECK(put(s, "empty", ""));
  constexpr std::uint64_t top = ~std::uint64_t{0};
  for (const larder::byte_range r : {larder::byte_range{0, 1},
                                     {0, 5000},
                                     {0, 5001},
                                     {1, top},
                                     {4999, 1},
                                     {4999, 100},
                                     {5000, 1},
                                     {5000, top},
                                     {9000, 10},
                                     {100, 0},
                                     {top, top},
                                     {top >> 1U, 10},
                                     {(top >> 1U) + 1, 10},
                                     {10, top - 10},
                                     {10, top >> 1U},
                                     {0, top}}) {
    CAPTURE(r.offset);
    CAPTURE(r.size);
    const std::uint64_t from = std::min<std::uint64_t>(r.offset, whole.size());
    CHECK(get(s, "o", r) == whole.substr(from, std::min<std::uint64_t>(r.size, whole.size() - from)));
    CHECK_FALSE(s.get("absent", r));
    CHECK(get(s, "empty", r) == "");
  }
}

TEST_CASE("a part is of the version that was asked for, or it is said that the object changed") {
  const auto server = s3_server::start();
  if (!server) return;
  direct d(at(*server));
  CHECK_FALSE(d.client.read_part("o", {.range = {0, 10}, .if_match = "\"e\""}));
  CHECK(put(d.client, "o", pattern(1000)));
  const auto first = d.client.read_part("o", {.range = {100, 50}});
  REQUIRE(first);
  CHECK_FALSE(first->changed);
  CHECK(first->body.text() == pattern(1000).substr(100, 50));
  CHECK(first->head.total == 1000U);
  CHECK(d.client.read_part("o", {.range = {150, 50}, .if_match = first->head.etag})->body.text() ==
        pattern(1000).substr(150, 50));
  CHECK_FALSE(d.client.read_part("o", {.range = {1000, 50}, .if_match = first->head.etag})->changed);
  CHECK(d.client.read_part("o", {.range = {1000, 50}, .if_match = first->head.etag})->head.total == 1000U);
  CHECK_FALSE(d.client.read_part("o", {.range = {0, 0}, .if_match = first->head.etag})->changed);
  CHECK(put(d.client, "o", pattern(1000, 2)));
  CHECK(d.client.read_part("o", {.range = {150, 50}, .if_match = first->head.etag})->changed);
  CHECK(d.client.read_part("o", {.range = {0, 0}, .if_match = first->head.etag})->changed);
}

TEST_CASE("whatever the folder is called, it is signed as it is sent") {
  const auto server = s3_server::start();
  if (!server) return;
  for (const char* folder :
       {"a b", "a+b", "a%2Bb", "%", "\xc3\xa9/\xe2\x82\xac", "!*'()", "~-._", "&=?#;:@$,<>\"[]{}|\\^`", "a//b"}) {
    CAPTURE(folder);
    s3 settings = at(*server);
    settings.prefix = folder;
    if (std::string_view(folder) == "a//b") {
      CHECK(refusal_of([&] { store s(larder::http_blob{settings}, sink); }).cause == error_cause::invalid_argument);
      continue;
    }
    store s(larder::http_blob{settings}, sink);
    CHECK(put(s, "x/y.z_-1", "text"));
    CHECK(get(s, "x/y.z_-1") == "text");
    CHECK(listed(s, "x/") == std::map<std::string, std::uint64_t>{{"x/y.z_-1", 4}});
    CHECK(s.erase("x/y.z_-1"));
  }
}

TEST_CASE("a listing comes page by page, whole, of its folder only and without foreign names") {
  const auto server = s3_server::start({.page = 7});
  if (!server) return;
  s3 settings = at(*server);
  settings.prefix = "team/a";
  store mine(larder::http_blob{settings}, sink);
  settings.prefix = "team";
  store above(larder::http_blob{settings}, sink);
  settings.prefix = "team/a/UPPER";  // makes names that no cache makes
  store foreign(larder::http_blob{settings}, sink);
  std::map<std::string, std::uint64_t> expected;
  for (std::size_t i = 0; i < 40; ++i) {
    const std::string name = "entries/" + std::to_string(i % 4) + "/" + std::to_string(i);
    CHECK(put(mine, name, std::string(i, 'x')));
    expected[name] = i;
  }
  CHECK(put(foreign, "entries/1", "no"));
  CHECK(listed(mine, "entries/") == expected);
  CHECK(listed(mine, "") == expected);
  CHECK(listed(mine, "entries/2/").size() == 10);
  CHECK(listed(mine, "entries/2/1") ==
        std::map<std::string, std::uint64_t>{{"entries/2/10", 10}, {"entries/2/14", 14}, {"entries/2/18", 18}});
  CHECK(listed(mine, "nothing").empty());
  CHECK(listed(above, "a/entries/0/").size() == 10);
}

TEST_CASE("create_only has one winner among sixteen writers, whole, and no upload is left open") {
  const auto server = s3_server::start();
  if (!server) return;
  for (const std::size_t size : {std::size_t{10'000}, (std::size_t{5} << 20U) + 100}) {
    for (const larder::s3_conditional_put trust : {larder::s3_conditional_put::yes, larder::s3_conditional_put::automatic}) {
      CAPTURE(size);
      s3 settings = at(*server);
      settings.part_size = s3::min_part_size;
      settings.conditional_put = trust;
      store one(larder::http_blob{settings}, sink);
      store two(larder::http_blob{settings}, sink);
      const std::string name =
          "race/" + std::to_string(size) + (trust == larder::s3_conditional_put::yes ? "/yes" : "/automatic");
      std::atomic<int> winner{-1};
      std::atomic<int> winners{0};
      std::vector<std::thread> threads;
      for (int i = 0; i < 16; ++i)
        threads.emplace_back([&, i] {
          if (!put(i % 2 == 0 ? one : two, name, pattern(size, static_cast<std::uint32_t>(i)), put_mode::create_only)) return;
          ++winners;
          winner = i;
        });
      for (std::thread& t : threads) t.join();
      CHECK(winners == 1);
      CHECK(get(one, name) == pattern(size, static_cast<std::uint32_t>(winner.load())));
    }
  }
  CHECK(open_uploads(*server) == "0");
}

TEST_CASE("a service without conditions is found out where it says so, and looked at first where it does not") {
  for (const std::string conditions : {"refused", "ignored"}) {
    CAPTURE(conditions);
    const auto server = s3_server::start({.conditions = conditions});
    if (!server) return;
    s3 settings = at(*server);
    settings.part_size = s3::min_part_size;
    store s(larder::http_blob{settings}, sink);
    const std::string large = pattern(s3::min_part_size + 1);
    CHECK(put(s, "small", "one", put_mode::create_only));
    CHECK_FALSE(put(s, "small", "two", put_mode::create_only));
    CHECK(get(s, "small") == "one");
    CHECK(put(s, "large", large, put_mode::create_only));
    CHECK_FALSE(put(s, "large", large, put_mode::create_only));
    CHECK(get(s, "large") == large);
    settings.conditional_put = larder::s3_conditional_put::no;
    store careful(larder::http_blob{settings}, sink);
    CHECK_FALSE(put(careful, "small", "two", put_mode::create_only));
    CHECK(put(careful, "third", "three", put_mode::create_only));
    settings.conditional_put = larder::s3_conditional_put::yes;
    store trusting(larder::http_blob{settings}, sink);
    if (conditions == "refused")
      CHECK(refusal_of([&] { put(trusting, "fourth", "four", put_mode::create_only); }).cause == error_cause::server);
    CHECK(open_uploads(*server) == "0");
  }
}

TEST_CASE("a large object first met by a service that refuses conditions is committed without") {
  const auto server = s3_server::start({.conditions = "refused"});
  if (!server) return;
  s3 settings = at(*server);
  settings.part_size = s3::min_part_size;
  store s(larder::http_blob{settings}, sink);
  const std::string large = pattern(s3::min_part_size + 1);
  CHECK(put(s, "large", large, put_mode::create_only));
  CHECK(get(s, "large") == large);
  CHECK(open_uploads(*server) == "0");
}

TEST_CASE("parts go in any order and again, and an upload that is given up leaves nothing") {
  const auto server = s3_server::start();
  if (!server) return;
  direct d(at(*server));
  const bytes first = bytes::copy_of(pattern(s3::min_part_size));
  const bytes last = bytes::copy_of("the rest");
  const std::string upload = d.client.begin_upload("o");
  std::vector<std::string> tags(2);
  tags[1] = d.client.put_part("o", upload, 1, {&last, 1});
  d.client.put_part("o", upload, 0, {&last, 1});
  tags[0] = d.client.put_part("o", upload, 0, {&first, 1});
  CHECK_FALSE(d.client.head("o"));
  CHECK(d.client.commit_upload("o", upload, tags, put_mode::create_only));
  CHECK(get(d.client, "o") == pattern(s3::min_part_size) + "the rest");
  // Sent again after an answer that was lost: the upload is gone, and the object bears its mark.
  CHECK(d.client.commit_upload("o", upload, tags, put_mode::create_only));
  CHECK(d.client.commit_upload("o", upload, tags, put_mode::replace));

  const std::string second = d.client.begin_upload("o");
  tags[0] = d.client.put_part("o", second, 0, {&first, 1});
  CHECK_FALSE(d.client.commit_upload("o", second, {tags.data(), 1}, put_mode::create_only));
  CHECK(open_uploads(*server) == "0");
  CHECK(get(d.client, "o") == pattern(s3::min_part_size) + "the rest");

  const std::string third = d.client.begin_upload("p");
  CHECK(open_uploads(*server) == "1");
  d.client.abort_upload("p", third);
  d.client.abort_upload("p", third);
  CHECK(open_uploads(*server) == "0");
  CHECK(refusal_of([&] { d.client.put_part("p", third, 0, {&first, 1}); }).cause == error_cause::server);
  CHECK(says(refusal_of([&] { d.client.commit_upload("p", third, tags, put_mode::replace); }), "NoSuchUpload"));
  const std::string small = d.client.begin_upload("q");
  for (std::size_t i = 0; i < 2; ++i) tags[i] = d.client.put_part("q", small, i, {&last, 1});
  CHECK(says(refusal_of([&] { d.client.commit_upload("q", small, tags, put_mode::replace); }), "EntityTooSmall"));
  d.client.abort_upload("q", small);
}

TEST_CASE("a service that wants larger parts says so, and nothing is left of the upload") {
  const auto server = s3_server::start({.min_part = std::size_t{6} << 20U});
  if (!server) return;
  s3 settings = at(*server);
  settings.part_size = s3::min_part_size;  // too small for this service
  store s(larder::http_blob{settings}, sink);
  CHECK(says(refusal_of([&] { put(s, "o", pattern(std::size_t{11} << 20U)); }), "EntityTooSmall"));
  CHECK(open_uploads(*server) == "0");
  CHECK_FALSE(s.head("o"));
  settings.part_size = std::uint64_t{6} << 20U;
  store fitting(larder::http_blob{settings}, sink);
  CHECK(put(fitting, "o", pattern(std::size_t{11} << 20U)));
}

TEST_CASE("wrong credentials are failures, never misses, and no message holds a secret") {
  const auto server = s3_server::start({.token = "planted-token"});
  if (!server) return;
  struct wrong {
    const char* what;
    std::function<void(s3&)> change;
    error_cause cause;
    const char* says;
  };
  const std::vector<wrong> all{
      {"secret", [](s3& s) { s.secret_access_key = "planted-other"; }, error_cause::unauthorized, "SignatureDoesNotMatch"},
      {"id", [](s3& s) { s.access_key_id = "AKIDOTHER"; }, error_cause::unauthorized, "InvalidAccessKeyId"},
      {"token", [](s3& s) { s.session_token = "planted-old"; }, error_cause::unauthorized, "InvalidToken"},
      {"no token", [](s3& s) { s.session_token = larder::secret{}; }, error_cause::unauthorized, "InvalidToken"},
      {"anonymous",
       [](s3& s) {
         s.access_key_id.clear();
         s.secret_access_key = s.session_token = larder::secret{};
         s.anonymous = true;
       },
       error_cause::unauthorized, "AccessDenied"},
      {"region", [](s3& s) { s.region = "eu-west-1"; }, error_cause::unauthorized, "the bucket is in us-east-1"},
      {"bucket", [](s3& s) { s.bucket = "nowhere"; }, error_cause::server, "NoSuchBucket"},
  };
  for (const wrong& w : all) {
    CAPTURE(w.what);
    s3 settings = at(*server);
    settings.session_token = "planted-token";
    w.change(settings);
    settings.part_size = s3::min_part_size;
    store s(larder::http_blob{settings}, sink);
    const std::string large = pattern(s3::min_part_size + 1);
    std::vector<refusal> seen;
    seen.push_back(refusal_of([&] { get(s, "o"); }));
    seen.push_back(refusal_of([&] { get(s, "o", {0, 10}); }));
    seen.push_back(refusal_of([&] { put(s, "o", "text"); }));
    seen.push_back(refusal_of([&] { put(s, "o", large); }));
    seen.push_back(refusal_of([&] { listed(s, ""); }));
    for (const refusal& f : seen) {
      CHECK(f.cause == w.cause);
      CHECK(says(f, w.says));
      CHECK(says(f, "request "));
    }
    seen.push_back(refusal_of([&] { s.head("o"); }));
    seen.push_back(refusal_of([&] { s.erase("o"); }));
    seen.push_back(refusal_of([&] { put(s, "o", "text", put_mode::create_only); }));
    for (const refusal& f : seen) {
      CHECK(f.cause.has_value());
      for (const char* planted : {"planted", "s3cr3t", "Signature=", "AKID", "uploadId", "Message"})
        CHECK(f.message.find(planted) == std::string::npos);
    }
  }
  s3 right = at(*server);
  right.session_token = "planted-token";
  store s(larder::http_blob{right}, sink);
  CHECK(put(s, "o", "text"));
  CHECK(get(s, "o") == "text");
}

TEST_CASE("a clock that is wrong is said to be") {
  const auto server = s3_server::start({.clock_offset = 3600});
  if (!server) return;
  store s(larder::http_blob{at(*server)}, sink);
  const refusal f = refusal_of([&] { get(s, "o"); });
  CHECK(f.cause == error_cause::unauthorized);
  CHECK(says(f, "RequestTimeTooSkewed"));
  CHECK(says(f, "clock"));
}

TEST_CASE("a public bucket is read without a signature, and not written") {
  const auto server = s3_server::start();
  if (!server) return;
  s3 settings = at(*server);
  settings.bucket = "public";
  store owner(larder::http_blob{settings}, sink);
  CHECK(put(owner, "o", "text"));
  const s3 anonymous{.bucket = "public", .endpoint = server->url(), .anonymous = true, .timeouts = patient};
  store anybody(larder::http_blob{anonymous}, sink);
  CHECK(get(anybody, "o") == "text");
  CHECK(get(anybody, "o", {1, 2}) == "ex");
  CHECK_FALSE(anybody.get("p", {}));
  CHECK(listed(anybody, "") == std::map<std::string, std::uint64_t>{{"o", 4}});
  CHECK(refusal_of([&] { put(anybody, "o", "other"); }).cause == error_cause::unauthorized);
}

TEST_CASE("a missing bucket is told from a missing object by HEAD, too, and both are asked about once") {
  const auto server = s3_server::start();
  if (!server) return;
  s3 settings = at(*server);
  store s(larder::http_blob{settings}, sink);
  CHECK_FALSE(s.head("o"));
  CHECK_FALSE(s.erase("o"));
  settings.bucket = "nowhere";
  store lost(larder::http_blob{settings}, sink);
  for (const refusal& f : {refusal_of([&] { lost.head("o"); }), refusal_of([&] { lost.erase("o"); }), refusal_of([&] {
                             get(lost, "o", {0, 0});
                           })}) {
    CHECK(f.cause == error_cause::server);
    CHECK(says(f, "there is no such bucket"));
  }
}

TEST_CASE("Google's interface is spoken in its own words") {
  const auto server = s3_server::start({.region = "auto", .dialect = "google"});
  if (!server) return;
  s3 settings = at(*server);
  settings.region.clear();
  settings.dialect = larder::s3_dialect::google;
  settings.part_size = s3::min_part_size;
  settings.prefix = "a b/+";
  store s(larder::http_blob{settings}, sink);
  const larder::testing::conformance result = larder::testing::check_blob_store(s);
  CHECK(result.text() == "");
  const std::string large = pattern(s3::min_part_size + 1);
  CHECK(put(s, "large", large, put_mode::create_only));
  CHECK_FALSE(put(s, "large", "other", put_mode::create_only));
  CHECK(get(s, "large") == large);
  std::atomic<int> winners{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&, i] { winners += put(s, "race", std::to_string(i), put_mode::create_only) ? 1 : 0; });
  for (std::thread& t : threads) t.join();
  CHECK(winners == 1);
  direct d(settings);  // Google heeds no condition in a commit: then the object is looked for, late
  const bytes part = bytes::copy_of("part");
  const std::string upload = d.client.begin_upload("late");
  const std::string tag = d.client.put_part("late", upload, 0, {&part, 1});
  CHECK(put(s, "late", "first"));
  CHECK_FALSE(d.client.commit_upload("late", upload, {&tag, 1}, put_mode::create_only));
  CHECK(get(s, "late") == "first");
  CHECK(open_uploads(*server) == "0");
  settings.secret_access_key = "other";
  store wrong(larder::http_blob{settings}, sink);
  CHECK(refusal_of([&] { get(wrong, "large"); }).cause == error_cause::unauthorized);
}

TEST_CASE("over TLS bodies may go without a hash, to a server whose certificate is trusted") {
  const support::temporary_folder folder;
  const std::string make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout '" + (folder / "key.pem").string() + "' -out '" +
                           (folder / "cert.pem").string() +
                           "' -days 2 -subj /CN=larder-test -addext subjectAltName=IP:127.0.0.1 >/dev/null 2>&1";
  if (std::system(make.c_str()) != 0) {
    MESSAGE("skipped: openssl makes no certificate");
  } else if (const auto server = s3_server::start({.cert = folder / "cert.pem", .key = folder / "key.pem"})) {
    for (const bool hashed : {true, false}) {
      s3 settings = at(*server);
      settings.hash_bodies = hashed;
      settings.ca_file = folder / "cert.pem";
      store s(larder::http_blob{settings}, sink);
      CHECK(put(s, "o", pattern(100'000)));
      CHECK(get(s, "o") == pattern(100'000));
      CHECK(get(s, "o", {10, 10}) == pattern(100'000).substr(10, 10));
    }
    store untrusting(larder::http_blob{at(*server)}, sink);
    CHECK(refusal_of([&] { get(untrusting, "o"); }).cause == error_cause::network);
    CHECK(untrusting.report().retries == 0);  // it would be no more trusted the next time
  }
}

TEST_CASE("a cache lives in a bucket") {
  const auto server = s3_server::start();
  if (!server) return;
  s3 settings = at(*server);
  settings.prefix = "cache/v1";
  auto cache = larder::make_cache<std::string, bytes>(larder::unbounded{}, larder::http_blob{settings});
  CHECK(cache.put("layer.0", bytes::copy_of(pattern(50'000))));
  auto other = larder::make_cache<std::string, bytes>(larder::unbounded{}, larder::http_blob{settings});
  REQUIRE(other.get("layer.0"));
  CHECK(other.get("layer.0")->text() == pattern(50'000));
  CHECK_FALSE(other.put_if_absent("layer.0", bytes::copy_of("x")));
  CHECK(other.put_if_absent("layer.1", bytes::copy_of("x")));
  CHECK(cache.contains("layer.1"));
  CHECK(cache.erase("layer.0"));
  CHECK_FALSE(other.get("layer.0"));
  cache.clear();
  CHECK_FALSE(other.get("layer.1"));
  settings.secret_access_key = "wrong";
  auto refused = larder::make_cache<std::string, bytes>(larder::unbounded{}, larder::http_blob{settings});
  CHECK_FALSE(refused.get("layer.1"));
  CHECK(refused.stats().errors[error_cause::unauthorized] == 1);
}
