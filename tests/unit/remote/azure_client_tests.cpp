// The client against answers by script. Whether the words are Azure's is for http_blob_azurite_tests.cpp to say.

#include <larder/remote/azure_client.hpp>

#include <larder/remote/azure.hpp>
#include <larder/remote/credentials.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/testing/scripted_server.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::azure;
using larder::error_cause;
using larder::put_mode;
using larder::testing::scripted_answer;
using larder::testing::scripted_request;
using larder::testing::scripted_server;

using transport = larder::remote::authorized<larder::remote::curl_transport, azure::signer>;

constexpr std::string_view request_id = "11111111-2222-3333-4444-555555555555";

scripted_answer failure(int status, const std::string& code) {
  return {.status = status,
          .headers = {{"x-ms-error-code", code}, {"x-ms-request-id", std::string(request_id)}},
          .body = "<Error>hunter2</Error>"};
}

/// A client of a server that answers by a script.
struct connected {
  explicit connected(scripted_server::script script, azure given = azure::emulator("cache"))
      : server(std::move(script)),
        settings(reaching(std::move(given))),
        carrier(settings.credentials(), settings.transport()),
        client(settings, carrier) {}
  azure reaching(azure given) const {
    given.endpoint = server.url() + "/devstoreaccount1";
    given.create_container = false;
    return given;
  }
  bool put(std::string_view name, std::string_view text, put_mode mode = put_mode::replace) {
    const larder::bytes whole = larder::bytes::copy_of(text);
    return client.put(name, {&whole, 1}, mode);
  }
  /// The requests so far, as `METHOD target`, without what comes before the container.
  std::vector<std::string> asked() const {
    std::vector<std::string> out;
    for (const scripted_request& r : server.requests())
      out.push_back(r.method + " " + r.target.substr(std::string_view("/devstoreaccount1").size()));
    return out;
  }

  scripted_server server;
  azure settings;
  transport carrier;
  azure::client<transport> client;
};

/// What f throws, which must hold no secret.
template <class F>
refusal refused(F&& f) {
  return support::refusal_of(f, {"hunter2", "sig", larder::remote::azure_emulator::key.substr(0, 16)});
}
bool holds(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("what is signed is what is sent: the signature can be made again from the request as it came") {
  std::atomic<int> wrong{0};
  const larder::secret key(*larder::remote::base64_decoded(larder::remote::azure_emulator::key));
  connected c([&](const scripted_request& r) -> scripted_answer {
    std::map<std::string, std::string> headers(r.headers.begin(), r.headers.end());
    if (headers["content-length"] == "0") headers["content-length"].clear();
    std::string text = r.method + "\n";
    for (const char* name : {"content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
                             "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"})
      text += headers[name] + "\n";
    for (const auto& [name, value] : headers)
      if (name.starts_with("x-ms-")) text += name + ":" + value + "\n";
    larder::remote::url target;
    target.path = r.path();
    target.query = r.query();
    text += larder::remote::azure_canonical_resource(target, "devstoreaccount1");
    if (headers["authorization"] != "SharedKey devstoreaccount1:" + larder::remote::azure_signature(key, text)) ++wrong;
    if (headers["x-ms-version"] != "2023-11-03") ++wrong;
    if (r.method == "DELETE") return {.status = 202};
    if (r.method == "GET" && holds(r.target, "comp=list")) return {.body = "<EnumerationResults/>"};
    return {.status = r.method == "PUT" ? 201 : 200};
  });
  (void)c.client.get("a/b", {});
  (void)c.client.read_part("a/b", {.range = larder::byte_range{}, .if_match = "\"0x8\""});
  CHECK(refused([&] { (void)c.client.read_part("a/b", {.range = {3, 5}, .if_match = "\"0x8\""}); }).cause == std::nullopt);
  (void)c.client.head("a/b");
  CHECK(c.put("a/b", "text"));
  CHECK(c.put("a/b", ""));
  CHECK(c.put("a/b", "text", put_mode::create_only));
  CHECK(c.client.erase("a/b"));
  c.client.list("a/", [](auto&&...) {});
  CHECK(c.client.make_container());
  CHECK(c.client.acquire_lease("a/b", 15s));
  const std::string upload = c.client.begin_upload("a/b");
  const std::vector<std::string> tags{c.client.put_part("a/b", upload, 0, {}), c.client.put_part("a/b", upload, 49'999, {})};
  CHECK(tags[0].size() == tags[1].size());
  CHECK(c.client.commit_upload("a/b", upload, tags, put_mode::create_only));
  CHECK(wrong == 0);
  CHECK(c.server.count() == 14);
}

TEST_CASE("only what the service calls an absent object is absent") {
  std::string code;
  int status = 404;
  connected c([&](const scripted_request&) { return failure(status, code); });
  const auto all = [&] {
    std::vector<std::optional<error_cause>> causes;
    bool found = false;
    causes.push_back(refused([&] { found = found || c.client.get("o", {}); }).cause);
    causes.push_back(refused([&] { found = found || c.client.get("o", {0, 0}); }).cause);
    causes.push_back(refused([&] { found = found || c.client.get("o", {5, 5}); }).cause);
    causes.push_back(refused([&] { found = found || c.client.head("o"); }).cause);
    causes.push_back(refused([&] { found = found || c.client.erase("o"); }).cause);
    CHECK_FALSE(found);
    return causes;
  };
  using causes = std::vector<std::optional<error_cause>>;
  code = "BlobNotFound";
  CHECK(all() == causes(5, std::nullopt));
  for (const char* other : {"ContainerNotFound", "", "ResourceNotFound", "Blob Not Found"}) {
    code = other;
    CHECK(all() == causes(5, error_cause::server));
  }
  code = "BlobNotFound";
  status = 403;
  CHECK(all() == causes(5, error_cause::unauthorized));
  status = 410;
  CHECK(all() == causes(5, error_cause::server));
}

TEST_CASE("an error says the service's code and the request's id, and nothing else that the server wrote") {
  std::string code = "ContainerNotFound";
  std::string id(request_id);
  connected c([&](const scripted_request&) {
    scripted_answer answer = failure(404, code);
    answer.headers[1].second = id;
    return answer;
  });
  CHECK(
      says(refused([&] { c.client.head("o"); }),
           "answered 404; ContainerNotFound, request 11111111-2222-3333-4444-555555555555; the container is missing, create it"));
  code = "hunter2!";
  CHECK(says(refused([&] { c.client.head("o"); }), "answered 404; request 1111"));
  code = std::string(65, 'A');
  id = "hunter2";
  CHECK(says(refused([&] { c.client.head("o"); }), "answered 404; check the endpoint"));
}

TEST_CASE("statuses are the failures that they are, and nothing is repeated") {
  int status = 0;
  connected c([&](const scripted_request&) { return failure(status, "Some"); });
  for (const auto& row : {std::pair{400, error_cause::server},
                          {401, error_cause::unauthorized},
                          {403, error_cause::unauthorized},
                          {408, error_cause::timeout},
                          {409, error_cause::server},
                          {429, error_cause::server},
                          {500, error_cause::server},
                          {503, error_cause::server},
                          {504, error_cause::timeout},
                          {507, error_cause::no_space},
                          {302, error_cause::server}}) {
    const error_cause cause = row.second;
    status = row.first;
    CAPTURE(status);
    const std::size_t before = c.server.count();
    CHECK(refused([&] { c.client.get("o", {}); }).cause == cause);
    CHECK(refused([&] { c.client.head("o"); }).cause == cause);
    CHECK(refused([&] { c.put("o", "x"); }).cause == cause);
    CHECK(refused([&] { c.client.erase("o"); }).cause == cause);
    CHECK(refused([&] { c.client.list("", [](auto&&...) {}); }).cause == cause);
    CHECK(refused([&] { c.client.make_container(); }).cause == cause);
    CHECK(refused([&] { c.client.acquire_lease("o", 15s); }).cause == cause);
    CHECK(c.server.count() == before + 7);
  }
}

TEST_CASE("a create_only that meets an object knows whether it is its own") {
  for (const bool own : {false, true})
    for (const auto& row : {std::pair{409, "BlobAlreadyExists"}, {412, "ConditionNotMet"}, {403, "UnauthorizedBlobOverwrite"}}) {
      CAPTURE(own);
      CAPTURE(row.second);
      std::string id;
      connected c([&](const scripted_request& r) -> scripted_answer {
        if (r.method == "HEAD")
          return {.status = 200, .headers = {{"x-ms-meta-larder", own ? id : "ffffffffffffffffffffffffffffffff"}}};
        CHECK(r.header("if-none-match") == "*");
        id = r.header("x-ms-meta-larder").value_or("");
        return failure(row.first, row.second);  // to the second sending; the answer to the first, 201, was lost
      });
      CHECK(c.put("o", "x", put_mode::create_only) == own);
      CHECK(id.size() == 32);
    }
}

TEST_CASE("a create_only that may not look who made the object takes it for another's") {
  connected c([&](const scripted_request& r) {
    return r.method == "HEAD" ? failure(403, "AuthorizationPermissionMismatch") : failure(409, "BlobAlreadyExists");
  });
  CHECK_FALSE(c.put("o", "x", put_mode::create_only));
  connected foreign(
      [&](const scripted_request& r) { return r.method == "HEAD" ? scripted_answer{} : failure(409, "BlobAlreadyExists"); });
  CHECK_FALSE(foreign.put("o", "x", put_mode::create_only));
}

TEST_CASE("other conflicts are failures, of a replace, too") {
  connected c([&](const scripted_request&) { return failure(409, "ContainerBeingDeleted"); });
  CHECK(refused([&] { c.put("o", "x", put_mode::create_only); }).cause == error_cause::server);
  connected leased([&](const scripted_request&) { return failure(412, "LeaseIdMissing"); });
  CHECK(refused([&] { leased.put("o", "x"); }).cause == error_cause::server);
  connected held(
      [&](const scripted_request& r) { return r.method == "HEAD" ? scripted_answer{} : failure(412, "LeaseIdMissing"); });
  CHECK_FALSE(held.put("o", "x", put_mode::create_only));
}

TEST_CASE("an object above the block size is put in blocks of one writer and published by one request") {
  azure settings = azure::emulator("cache");
  settings.block_size = 10;
  settings.prefix = "f";
  std::mutex mutex;
  std::map<std::string, std::string> blocks;
  std::string list;
  connected c(
      [&](const scripted_request& r) -> scripted_answer {
        const std::lock_guard guard(mutex);
        if (r.method == "HEAD") return failure(404, "BlobNotFound");
        if (holds(r.target, "comp=blocklist")) list = r.body;
        if (const std::size_t at = r.target.find("blockid="); at != std::string::npos)
          blocks[*larder::remote::percent_decoded(r.target.substr(at + 8))] = r.body;
        return {.status = 201};
      },
      settings);
  const larder::bytes text = larder::bytes::copy_of("0123456789abcdefghijklmno");
  const std::array<larder::bytes, 4> parts{text.slice(0, 7), larder::bytes{}, text.slice(7, 17), text.slice(24)};
  CHECK(c.client.put("o", parts, put_mode::create_only));
  CHECK(c.server.count() == 5);  // HEAD, three blocks, the list
  REQUIRE(blocks.size() == 3);
  std::string together;
  std::size_t at = 0;
  for (const auto& [id, content] : blocks) {
    together += content;
    CHECK(id.size() == blocks.begin()->first.size());
    CHECK(larder::remote::base64_decoded(id)->substr(0, 32) ==
          larder::remote::base64_decoded(blocks.begin()->first)->substr(0, 32));
    const std::size_t found = list.find("<Latest>" + id + "</Latest>");
    CHECK(found != std::string::npos);
    CHECK(found > at);
    at = found;
  }
  CHECK(together == text.text());
  CHECK(c.put("o", "0123456789"));  // as large as a block: one request
  CHECK(c.server.count() == 6);
  std::map<std::string, std::string> first;
  first.swap(blocks);
  CHECK(c.client.put("o", parts, put_mode::replace));
  CHECK(blocks.begin()->first != first.begin()->first);  // another upload, other ids
}

TEST_CASE("there are never more blocks than the service takes: they grow instead") {
  struct counting {
    larder::remote::http_response send(const larder::remote::http_request& request) {
      ++sent;
      largest = std::max(largest, holds(request.target.query, "comp=block&") ? request.body_size() : 0);
      larder::remote::http_response answer;
      answer.status = 201;
      return answer;
    }
    std::size_t sent = 0;
    std::uint64_t largest = 0;
  } carrier;
  azure settings = azure::emulator("cache");
  settings.block_size = 1;
  azure::client<counting> client(settings, carrier);
  const larder::bytes text = larder::bytes::copy_of(std::string(50'000, 'x'));
  const std::array<larder::bytes, 2> parts{text, text.slice(0, 1)};
  CHECK(client.put("o", {parts.data(), 1}, put_mode::replace));
  CHECK(carrier.sent == 50'001);
  CHECK(carrier.largest == 1);
  CHECK(client.put("o", parts, put_mode::replace));
  CHECK(carrier.sent == 50'001 + 25'001 + 1);
  CHECK(carrier.largest == 2);
}

TEST_CASE("create_only of a large object asks first, and spares the upload") {
  azure settings = azure::emulator("cache");
  settings.block_size = 10;
  connected c([](const scripted_request&) { return scripted_answer{}; }, settings);
  CHECK_FALSE(c.put("o", "0123456789a", put_mode::create_only));
  CHECK(c.asked() == std::vector<std::string>{"HEAD /cache/o"});
}

TEST_CASE("blocks that are gone mean that somebody else was later, as long as there is an object") {
  std::optional<scripted_answer> there;
  std::string id;
  connected c([&](const scripted_request& r) -> scripted_answer {
    if (r.method == "HEAD") return there.value_or(failure(404, "BlobNotFound"));
    return failure(400, "InvalidBlockList");
  });
  const std::vector<std::string> tags{"AAAA"};
  there = scripted_answer{.headers = {{"x-ms-meta-larder", "ours"}}};
  CHECK(c.client.commit_upload("o", "ours", tags, put_mode::create_only));
  there = scripted_answer{.headers = {{"x-ms-meta-larder", "theirs"}}};
  CHECK_FALSE(c.client.commit_upload("o", "ours", tags, put_mode::create_only));
  CHECK(c.client.commit_upload("o", "ours", tags, put_mode::replace));
  there.reset();
  for (const put_mode mode : {put_mode::create_only, put_mode::replace}) {
    const refusal lost = refused([&] { c.client.commit_upload("o", "ours", tags, mode); });
    CHECK(lost.cause == error_cause::server);
    CHECK(says(lost, "put it again"));
  }
}

TEST_CASE("an object larger than could be read back is not put") {
  azure settings = azure::emulator("cache");
  settings.max_object = 10;
  connected c([](const scripted_request&) { return scripted_answer{.body = std::string(11, 'x')}; }, settings);
  CHECK(refused([&] { c.put("o", "0123456789a"); }).cause == error_cause::invalid_argument);
  CHECK(c.server.count() == 0);
  CHECK(refused([&] { c.client.get("o", {}); }).cause == error_cause::server);
}

TEST_CASE("parts that are not what was asked for are refused") {
  scripted_answer answer;
  connected c([&](const scripted_request&) { return answer; });
  const auto part = [&](const std::string& range, const std::string& body, int status = 206) {
    answer = {.status = status, .headers = {{"Content-Range", range}, {"ETag", "\"1\""}}, .body = body};
    return refused([&] { c.client.read_part("o", {.range = {10, 4}}); }).cause;
  };
  CHECK(part("bytes 10-13/20", "abcd") == std::nullopt);
  CHECK(part("bytes 10-11/12", "ab") == std::nullopt);
  CHECK(part("bytes 9-12/20", "abcd") == error_cause::server);
  CHECK(part("bytes 10-12/20", "abc") == error_cause::server);
  CHECK(part("bytes 10-13/20", "abc") == error_cause::server);
  CHECK(part("bytes 10-13/*", "abcd") == error_cause::server);  // how large the object is must be said
  CHECK(part("", "abcd") == error_cause::server);
  CHECK(part("bytes 10-9/10", "") == std::nullopt);  // Azurite's word for a range that begins at the end
  CHECK(c.client.read_part("o", {.range = {10, 4}})->head.total == 10);
  CHECK(part("bytes 10-9/20", "") == error_cause::server);
  CHECK(part("bytes */7", "x", 416) == std::nullopt);
  CHECK(c.client.read_part("o", {.range = {10, 4}})->head.total == 7);
  answer = {.status = 206, .headers = {{"Content-Range", "bytes 0--1/0"}}};  // the same of an object without bytes
  CHECK(c.client.read_part("o", {.range = {0, 4}})->head.total == 0);
  answer = {.headers = {{"ETag", "\"1\""}}, .body = "0123456789abcdef"};  // a server that takes no ranges
  const auto cut = c.client.read_part("o", {.range = {10, 4}});
  CHECK(cut->body.text() == "abcd");
  CHECK(cut->head.total == 16);
  CHECK(cut->head.etag == "\"1\"");
  answer = {.status = 412};
  CHECK(refused([&] { c.client.read_part("o", {.range = {10, 4}}); }).cause == error_cause::server);
  CHECK(c.client.read_part("o", {.range = {10, 4}, .if_match = "\"1\""})->changed);
}

TEST_CASE("a part lands in the room that is lent for it, and a stop ends the wait for it") {
  struct lent final : larder::remote::body_target {
    std::span<std::byte> room(const larder::remote::http_response&, std::uint64_t) override {
      return std::as_writable_bytes(std::span(memory));
    }
    std::array<char, 4> memory{};
  } target;
  std::stop_source stopping;
  std::atomic<bool> over{false};
  bool waits = false;
  connected c([&](const scripted_request&) -> scripted_answer {
    if (waits) {
      stopping.request_stop();
      over.wait(false);
    }
    return {.status = 206, .headers = {{"Content-Range", "bytes 10-13/20"}}, .body = "abcd"};
  });
  const auto part = c.client.read_part("o", {.range = {10, 4}, .into = &target});
  CHECK(part->landed == 4);
  CHECK(part->body.empty());
  CHECK(std::string_view(target.memory.data(), 4) == "abcd");
  waits = true;
  CHECK(refused([&] {
          c.client.read_part("o", {.range = {10, 4}, .stop = stopping.get_token()});
        }).cause == error_cause::cancelled);
  CHECK(refused([&] { c.client.put_part("o", "u", 0, {}, stopping.get_token()); }).cause == error_cause::cancelled);
  over = true;
  over.notify_all();
}

TEST_CASE("a listing follows the markers, and believes no name") {
  azure settings = azure::emulator("cache");
  settings.prefix = "A b";
  settings.page_size = 2;
  bool endless = false;
  connected c(
      [&](const scripted_request& r) -> scripted_answer {
        const auto page = [](const std::string& names, const std::string& next) {
          return scripted_answer{.body = "<EnumerationResults><Blobs>" + names + "</Blobs><NextMarker>" + next +
                                         "</NextMarker></EnumerationResults>"};
        };
        const auto blob = [](const std::string& name, const std::string& size = "5") {
          return "<Blob><Name>" + name + "</Name><Properties><Content-Length>" + size +
                 "</Content-Length><Etag>e</Etag></Properties></Blob>";
        };
        if (endless) return page("", "m&amp;1");
        if (!holds(r.target, "marker="))
          return page(blob("A b/x/1") + blob("A b/x/../../up") + blob("A b/x/UPPER") + blob("x/2") + blob("A b/y/3") +
                          blob("A b/") + blob("A b/x/&lt;") + blob("A b/x/4", "-1"),
                      "m&amp;1");
        CHECK(holds(r.target, "&marker=m%261"));
        return page(blob("A b/x/5", "7"), "");
      },
      settings);
  std::map<std::string, std::uint64_t> found;
  c.client.list("x/", [&](std::string_view name, const larder::blob_info& info) { found.emplace(name, info.size); });
  CHECK(found == std::map<std::string, std::uint64_t>{{"x/1", 5}, {"x/5", 7}});
  CHECK(c.asked()[0] == "GET /cache?restype=container&comp=list&prefix=A%20b/x/&maxresults=2");
  endless = true;
  CHECK(refused([&] { c.client.list("", [](auto&&...) {}); }).cause == error_cause::server);
}

TEST_CASE("a token that ends is renewed once, where the service says so by 401") {
  struct source final : larder::remote::token_source {
    larder::secret token() override { return larder::secret("hunter2-" + std::to_string(rejected.load())); }
    void reject(const larder::secret&) override { ++rejected; }
    std::atomic<int> rejected{0};
  };
  const auto tokens = std::make_shared<source>();
  azure settings{.account = "devstoreaccount1", .container = "cache", .credential = tokens};
  int status = 401;
  int good_from = 1;
  connected c(
      [&](const scripted_request& r) -> scripted_answer {
        CHECK(r.header("x-ms-version"));
        if (r.header("authorization") >= "Bearer hunter2-" + std::to_string(good_from)) return {.status = 201};
        return failure(status, status == 401 ? "InvalidAuthenticationInfo" : "AuthorizationFailure");
      },
      settings);
  CHECK(c.put("o", "x"));
  CHECK(c.server.count() == 2);
  CHECK(tokens->rejected == 1);
  CHECK(c.put("o", "x"));
  CHECK(c.server.count() == 3);
  good_from = 9;
  CHECK(refused([&] { c.put("o", "x"); }).cause == error_cause::unauthorized);
  CHECK(c.server.count() == 5);
  status = 403;
  CHECK(refused([&] { c.put("o", "x"); }).cause == error_cause::unauthorized);
  CHECK(c.server.count() == 6);
  CHECK(tokens->rejected == 2);
}

TEST_CASE("a shared access signature is in no message, whatever fails") {
  for (const int kind : {0, 1, 2, 3}) {
    CAPTURE(kind);
    azure settings{.account = "devstoreaccount1", .container = "cache", .sas = "sv=1&sig=hunter2"};
    if (kind == 3) settings.timeouts.first_byte = 50ms;
    std::atomic<bool> over{false};
    connected c(
        [&](const scripted_request& r) -> scripted_answer {
          CHECK(holds(r.target, "sig=hunter2"));
          CHECK_FALSE(r.header("authorization"));
          if (kind == 0) return failure(403, "AuthenticationFailed");
          if (kind == 1) return {.verbatim = ""};
          if (kind == 2) return {.verbatim = "HTTP/1.1 302 -\r\nLocation: " + r.target + "\r\nContent-Length: 0\r\n\r\n"};
          while (!over) over.wait(false);
          return {};
        },
        settings);
    const refusal r = refused([&] { c.client.get("o", {}); });
    CHECK(r.cause == std::array{error_cause::unauthorized, error_cause::network, error_cause::server,
                                error_cause::timeout}[static_cast<std::size_t>(kind)]);
    CHECK(says(r, "/devstoreaccount1/cache/o"));
    over = true;
    over.notify_all();
  }
}

TEST_CASE("a lease has an id of ours, so that asking again after a lost answer finds it ours") {
  std::string proposed;
  connected c([&](const scripted_request& r) -> scripted_answer {
    CHECK(r.header("x-ms-lease-duration") == "-1");
    CHECK(r.header("content-length") == "0");
    proposed = r.header("x-ms-proposed-lease-id").value_or("");
    return {.status = 201, .headers = {{"x-ms-lease-id", "hunter2"}}};
  });
  const std::optional<std::string> id = c.client.acquire_lease("o", c.client.until_released);
  CHECK(id == proposed);
  CHECK(proposed.size() == 36);
  for (const std::size_t dash : {std::size_t{8}, std::size_t{13}, std::size_t{18}, std::size_t{23}}) CHECK(proposed[dash] == '-');
}

TEST_CASE("names, tags and ids that cannot be are refused before anything is sent") {
  connected c([](const scripted_request&) { return scripted_answer{}; });
  for (const char* name : {"", "../o", "a//b", "/a", "a\r\nb", "A", "a%2f", "a?b"}) {
    CAPTURE(name);
    CHECK(refused([&] { c.client.get(name, {}); }).cause == error_cause::invalid_argument);
    CHECK(refused([&] { c.client.head(name); }).cause == error_cause::invalid_argument);
    CHECK(refused([&] { c.put(name, "x"); }).cause == error_cause::invalid_argument);
    CHECK(refused([&] { c.client.erase(name); }).cause == error_cause::invalid_argument);
    CHECK(refused([&] { c.client.begin_upload(name); }).cause == error_cause::invalid_argument);
    CHECK(refused([&] { c.client.acquire_lease(name, 15s); }).cause == error_cause::invalid_argument);
  }
  CHECK(refused([&] { c.client.list("a?b", [](auto&&...) {}); }).cause == error_cause::invalid_argument);
  CHECK(refused([&] { c.client.acquire_lease("o", 61s); }).cause == error_cause::invalid_argument);
  CHECK(refused([&] { c.client.release_lease("o", ""); }).cause == error_cause::invalid_argument);
  CHECK(c.server.count() == 0);
}
