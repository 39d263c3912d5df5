// What the client makes of each answer, from a server that says what it is told to. The service's rules themselves are
// tested against a strict one in storage/http_blob_s3_tests.cpp.

#include <larder/remote/credentials.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/remote/s3.hpp>
#include <larder/testing/scripted_server.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

namespace {

using larder::bytes;
using larder::error_cause;
using larder::put_mode;
using larder::s3;
using larder::testing::scripted_answer;
using larder::testing::scripted_request;
using larder::testing::scripted_server;
using support::refusal_of;
using support::says;
using transport = larder::remote::authorized<larder::remote::curl_transport, larder::remote::sigv4>;

struct client : transport, s3::client<transport> {
  explicit client(const s3& settings)
      : transport(settings.credentials(), settings.transport()),
        s3::client<transport>(settings, static_cast<transport&>(*this)) {}
};

s3 at(const scripted_server& server) {
  return {.bucket = "bucket",
          .region = "us-east-1",
          .endpoint = server.url(),
          .access_key_id = "AKID",
          .secret_access_key = "planted-secret",
          .session_token = "planted-token"};
}

scripted_answer refusal(int status, const std::string& code, const std::string& more = "") {
  return {.status = status,
          .headers = {{"x-amz-request-id", "4442587FB7D0A2F9"}},
          .body = "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code>" + more + "</Error>"};
}
scripted_answer listing(const std::string& inside) {
  return {.body = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + inside + "</ListBucketResult>"};
}
bool asks(const scripted_request& r, std::string_view method, std::string_view word = {}) {
  return r.method == method && (word.empty() || r.query().find(word) != std::string_view::npos);
}
bool begins_upload(const scripted_request& r) { return asks(r, "POST", "uploads="); }
bool commits(const scripted_request& r) { return asks(r, "POST", "uploadId="); }
bool aborts(const scripted_request& r) { return asks(r, "DELETE", "uploadId="); }
const scripted_answer begun{.body = "<InitiateMultipartUploadResult><UploadId>an id</UploadId></InitiateMultipartUploadResult>"};
const scripted_answer complete{.body = "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>"};
const scripted_answer taken{.headers = {{"ETag", "\"e\""}}};

bool put(client& c, std::string_view text, put_mode mode = put_mode::replace) {
  const bytes whole = bytes::copy_of(text);
  return c.put("o", {&whole, 1}, mode);
}
bool put_large(client& c, put_mode mode = put_mode::replace) { return put(c, std::string(s3::min_part_size + 1, 'x'), mode); }
s3 in_small_parts(s3 settings) {
  settings.part_size = s3::min_part_size;
  return settings;
}

std::size_t count(const scripted_server& server, bool (*which)(const scripted_request&)) {
  std::size_t n = 0;
  for (const scripted_request& r : server.requests()) n += which(r) ? 1U : 0U;
  return n;
}

}  // namespace

TEST_CASE("absent is only what the service says is absent, about the object") {
  scripted_answer next;
  scripted_server server([&](const scripted_request&) { return next; });
  client c(at(server));
  next = refusal(404, "NoSuchKey");
  CHECK_FALSE(c.get("o", {}));
  CHECK_FALSE(c.get("o", {5, 10}));
  for (const auto& [answer, cause] : std::vector<std::pair<scripted_answer, error_cause>>{
           {refusal(404, "NoSuchBucket"), error_cause::server},
           {refusal(404, "NoSuchUpload"), error_cause::server},
           {{.status = 404, .body = "<html><body>not found</body></html>"}, error_cause::server},
           {{.status = 404}, error_cause::server},
           {{.status = 404, .body = "<Other><Code>NoSuchKey</Code></Other>"}, error_cause::server},
           {{.status = 404, .body = "<Error><Inner><Code>NoSuchKey</Code></Inner></Error>"}, error_cause::server},
           {{.status = 404, .body = "<!DOCTYPE a><Error><Code>NoSuchKey</Code></Error>"}, error_cause::server},
           {refusal(410, "NoSuchKey"), error_cause::server},
           {refusal(403, "AccessDenied"), error_cause::unauthorized},
           {refusal(403, "NoSuchKey"), error_cause::unauthorized},
           {refusal(400, "ExpiredToken"), error_cause::unauthorized},
           {refusal(400, "RequestTimeout"), error_cause::timeout},
           {refusal(403, "XMinioStorageFull"), error_cause::no_space},
           {refusal(500, "InternalError"), error_cause::server},
           {refusal(503, "SlowDown"), error_cause::server},
           {{.status = 301, .headers = {{"Location", "http://127.0.0.1:1/planted"}, {"x-amz-bucket-region", "eu-west-1"}}},
            error_cause::server},
       }) {
    next = answer;
    CAPTURE(next.status);
    CAPTURE(next.body);
    CHECK(refusal_of([&] { c.get("o", {}); }).cause == cause);
    CHECK(refusal_of([&] { c.get("o", {5, 10}); }).cause == cause);
  }
}

TEST_CASE("a failure names the service's code, its id of the request and a way out, and repeats nothing else") {
  scripted_answer next;
  scripted_server server([&](const scripted_request&) { return next; });
  client c(at(server));
  next = refusal(403, "AccessDenied", "<Message>planted-secret and planted-token</Message>");
  support::refusal f = refusal_of([&] { c.get("o", {}); });
  CHECK(says(f, "/bucket/o answered 403 (AccessDenied, request 4442587FB7D0A2F9); "));
  CHECK(says(f, "s3:ListBucket"));
  CHECK(f.message.find("planted") == std::string::npos);
  next = refusal(403, "Access%0aDenied &lt;planted&gt;");
  f = refusal_of([&] { c.get("o", {}); });
  CHECK(says(f, "(Access0aDeniedplanted, request"));  // letters and digits of whatever calls itself a code
  next = refusal(403, std::string(200, 'a'));
  CHECK(says(refusal_of([&] { c.get("o", {}); }), "(" + std::string(64, 'a') + ", request"));
  next = {.status = 301, .headers = {{"x-amz-bucket-region", "eu-west-1;planted\x01"}}};
  CHECK(says(refusal_of([&] { c.get("o", {}); }), "set region; the bucket is in eu-west-1planted"));
  next = {.status = 500, .headers = {{"x-amz-request-id", "<b> \"planted\" 1"}}};
  CHECK(says(refusal_of([&] { c.get("o", {}); }), "answered 500 (request bplanted1); "));
}

TEST_CASE("no request and no message holds the secret, and every request the token, signed") {
  scripted_answer next{.status = 403, .body = "planted-secret planted-token"};
  scripted_server server([&](const scripted_request& r) {
    scripted_answer echo = next;
    for (const auto& [name, value] : r.headers) echo.body += name + ": " + value + "\n";
    return echo;
  });
  client c(in_small_parts(at(server)));
  const std::string upload = std::string(32, 'w') + "id";
  for (const int status : {200, 204, 206, 301, 400, 401, 403, 404, 407, 409, 411, 412, 416, 429, 500, 501, 503, 507}) {
    next.status = status;
    CAPTURE(status);
    for (const std::function<void()>& act : std::vector<std::function<void()>>{
             [&] {
               c.get("o", {1, 2});
             },
             [&] { c.head("o"); }, [&] { put(c, "x"); }, [&] { put(c, "x", put_mode::create_only); }, [&] { put_large(c); },
             [&] { c.erase("o"); }, [&] { c.list("", [](std::string_view, const larder::blob_info&) {}); },
             [&] { c.begin_upload("o"); }, [&] { c.put_part("o", upload, 0, {}); },
             [&] { c.commit_upload("o", upload, {}, put_mode::replace); }}) {
      refusal_of(act, {"planted", "Signature", "AKID"});
    }
  }
  for (const scripted_request& r : server.requests()) {
    CHECK(r.header("x-amz-security-token") == "planted-token");
    CHECK(r.header("authorization")->find("x-amz-security-token") != std::string::npos);
    CHECK(r.target.find("planted") == std::string::npos);
    for (const auto& [name, value] : r.headers) CHECK(value.find("planted-secret") == std::string::npos);
  }
}

TEST_CASE("a HEAD that finds nothing is looked into until the bucket has been seen") {
  std::atomic<int> of_bucket{200};
  std::atomic<int> of_object{404};
  scripted_server server([&](const scripted_request& r) {
    return scripted_answer{.status = r.path() == "/bucket" ? of_bucket.load() : of_object.load(),
                           .headers = {{"Content-Length", "3"}}};
  });
  {
    client c(at(server));
    of_bucket = 404;
    CHECK(says(refusal_of([&] { c.head("o"); }), "there is no such bucket"));
    of_bucket = 500;
    CHECK(refusal_of([&] { c.head("o"); }).cause == error_cause::server);
    of_bucket = 200;
    CHECK_FALSE(c.head("o"));
    const std::size_t before = server.count();
    CHECK_FALSE(c.head("o"));
    CHECK(server.count() == before + 1);
  }
  {
    client c(at(server));
    of_bucket = 403;  // may read objects, not look at the bucket
    CHECK_FALSE(c.head("o"));
    of_object = 403;
    CHECK(refusal_of([&] { c.head("o"); }).cause == error_cause::unauthorized);
  }
  {
    client c(at(server));
    of_object = 200;
    CHECK(c.head("o"));
    of_object = 404;
    const std::size_t before = server.count();
    CHECK_FALSE(c.head("o"));
    CHECK(server.count() == before + 1);
  }
}

TEST_CASE("an object without a length is a failure") {
  scripted_server server([&](const scripted_request&) { return scripted_answer{.headers = {{"Transfer-Encoding", "chunked"}}}; });
  client c(at(server));
  CHECK(says(refusal_of([&] { c.head("o"); }), "how large"));
}

TEST_CASE("a part that was not asked for is refused") {
  scripted_answer next;
  scripted_server server([&](const scripted_request&) { return next; });
  client c(at(server));
  next = {.status = 206, .headers = {{"Content-Range", "bytes 5-9/100"}}, .body = "56789"};
  CHECK(c.get("o", {5, 5})->text() == "56789");
  CHECK(refusal_of([&] { c.get("o", {6, 4}); }).cause == error_cause::server);
  CHECK(refusal_of([&] { c.get("o", {5, 10}); }).cause == error_cause::server);
  CHECK(refusal_of([&] { c.get("o", {}); }).cause == error_cause::server);
  next = {.body = "0123456789"};  // a service that ignores ranges
  CHECK(c.get("o", {5, 2})->text() == "56");
  next = {.status = 416, .body = "no XML"};
  CHECK(c.get("o", {50, 2})->text() == "");
  CHECK(refusal_of([&] { c.get("o", {}); }).cause == error_cause::server);
}

TEST_CASE("numbers beyond what services count with are not sent") {
  scripted_server server([&](const scripted_request& r) {
    return r.method == "HEAD" ? scripted_answer{.headers = {{"Content-Length", "10"}}}
                              : scripted_answer{.status = 206, .headers = {{"Content-Range", "bytes 5-9/10"}}, .body = "56789"};
  });
  client c(at(server));
  constexpr std::uint64_t top = std::uint64_t{1} << 63U;
  CHECK(c.get("o", {top, 5})->text() == "");
  CHECK(server.requests().back().method == "HEAD");
  CHECK(c.get("o", {5, top})->text() == "56789");
  CHECK(server.requests().back().header("range") == "bytes=5-");
  CHECK(c.get("o", {5, top - 5})->text() == "56789");
  CHECK(server.requests().back().header("range") == "bytes=5-9223372036854775807");
}

TEST_CASE("create_only says its condition, and 412 is an answer unless the object is our own") {
  std::string mark;   // of the object that is there
  bool echo = false;  // it is the writer's own
  scripted_server server([&](const scripted_request& r) {
    if (r.method == "HEAD") return scripted_answer{.headers = {{"Content-Length", "1"}, {"x-amz-meta-larder-writer", mark}}};
    if (echo) mark = r.header("x-amz-meta-larder-writer").value_or("");
    return refusal(412, "PreconditionFailed");
  });
  s3 settings = at(server);
  settings.conditional_put = larder::s3_conditional_put::yes;
  client c(settings);
  CHECK_FALSE(put(c, "x", put_mode::create_only));
  mark = std::string(32, 'a');
  CHECK_FALSE(put(c, "x", put_mode::create_only));
  echo = true;  // the transport sent it twice: the first time it was stored
  CHECK(put(c, "x", put_mode::create_only));
  const scripted_request first = server.requests().front();
  CHECK(first.method == "PUT");
  CHECK(first.header("if-none-match") == "*");
  CHECK(first.header("authorization")->find("if-none-match") != std::string::npos);
  CHECK(first.header("x-amz-meta-larder-writer")->size() == 32);
  CHECK(refusal_of([&] { put(c, "x"); }).cause == error_cause::server);  // a replace has no condition to fail
  CHECK_FALSE(server.requests().back().header("if-none-match"));
}

TEST_CASE("a conflict between writers is looked into, tried again, and in the end a failure") {
  std::atomic<int> conflicts{0};
  std::atomic<int> heads{0};
  std::atomic<bool> there{false};
  scripted_server server([&](const scripted_request& r) -> scripted_answer {
    if (r.method == "HEAD") {
      ++heads;
      return {.status = there || r.path() == "/bucket" ? 200 : 404, .headers = {{"Content-Length", "1"}}};
    }
    if (conflicts-- > 0) return refusal(409, "ConditionalRequestConflict");
    return taken;
  });
  s3 settings = at(server);
  settings.conditional_put = larder::s3_conditional_put::yes;
  client c(settings);
  conflicts = 2;  // with one who erases: there is nothing, so again
  CHECK(put(c, "x", put_mode::create_only));
  CHECK(heads == 3);  // one of them of the bucket
  conflicts = 100;
  CHECK(says(refusal_of([&] { put(c, "x", put_mode::create_only); }), "ConditionalRequestConflict"));
  CHECK(conflicts == 97);
  there = true;
  CHECK_FALSE(put(c, "x", put_mode::create_only));
  CHECK(refusal_of([&] { put(c, "x"); }).cause == error_cause::server);
}

TEST_CASE("a service that refuses conditions is asked for none any more; one that is trusted to have them may not refuse") {
  std::atomic<int> conditions{0};
  scripted_server server([&](const scripted_request& r) -> scripted_answer {
    if (r.method == "HEAD") return {.status = r.path() == "/bucket" ? 200 : 404};
    if (!r.header("if-none-match")) return taken;
    ++conditions;
    return refusal(501, "NotImplemented");
  });
  client c(at(server));
  CHECK(put(c, "x", put_mode::create_only));
  CHECK(put(c, "x", put_mode::create_only));
  CHECK(conditions == 1);
  s3 settings = at(server);
  settings.conditional_put = larder::s3_conditional_put::yes;
  client trusting(settings);
  CHECK(says(refusal_of([&] { put(trusting, "x", put_mode::create_only); }), "NotImplemented"));
  settings.conditional_put = larder::s3_conditional_put::no;
  client careful(settings);
  CHECK(put(careful, "x", put_mode::create_only));
  CHECK(conditions == 2);
}

TEST_CASE("an upload that fails anywhere is given up, once, and says why") {
  scripted_answer initiate, part, finish;
  scripted_server server([&](const scripted_request& r) -> scripted_answer {
    if (begins_upload(r)) return initiate;
    if (commits(r)) return finish;
    if (aborts(r)) return {.status = 204};
    if (r.method == "PUT") return part;
    return {.status = r.path() == "/bucket" ? 200 : 404};
  });
  client c(in_small_parts(at(server)));
  struct step {
    scripted_answer initiate, part, finish;
    error_cause cause;
    const char* says;
    std::size_t aborts;
  };
  for (const step& s : std::vector<step>{
           {refusal(403, "AccessDenied"), taken, complete, error_cause::unauthorized, "AccessDenied", 0},
           {{.body = "<InitiateMultipartUploadResult/>"}, taken, complete, error_cause::server, "no upload", 0},
           {{.body = "no XML"}, taken, complete, error_cause::server, "XML", 0},
           {begun, refusal(503, "SlowDown"), complete, error_cause::server, "SlowDown", 1},
           {begun, {}, complete, error_cause::server, "ETag", 1},
           {begun, {.headers = {{"ETag", "<a>&"}}}, complete, error_cause::server, "ETag", 1},
           {begun, taken, refusal(400, "EntityTooSmall"), error_cause::server, "EntityTooSmall", 1},
           {begun, taken, refusal(404, "NoSuchUpload"), error_cause::server, "NoSuchUpload", 1},
           {begun, taken, refusal(200, "InternalError"), error_cause::server, "InternalError",
            1},  // the head goes out before the work is done
           {begun,
            taken,
            {.body = "   \n  <?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>"},
            error_cause::server,
            "SlowDown",
            1},
           {begun, taken, {}, error_cause::server, "XML", 1},
           {begun, taken, {.body = "<Something/>"}, error_cause::server, "complete", 1},
           {begun, taken, {.verbatim = ""}, error_cause::network, "POST", 1},
       }) {
    CAPTURE(s.says);
    CAPTURE(s.finish.body);
    initiate = s.initiate;
    part = s.part;
    finish = s.finish;
    const std::size_t before = count(server, aborts);
    const support::refusal f = refusal_of([&] { put_large(c); });
    CHECK(f.cause == s.cause);
    CHECK(says(f, s.says));
    CHECK(count(server, aborts) == before + s.aborts);
  }
  initiate = begun;
  part = taken;
  finish = {.body = "\n \n" + complete.body};
  const std::size_t before = count(server, aborts);
  CHECK(put_large(c));
  CHECK(count(server, aborts) == before);
  const scripted_request last = server.requests().back();
  CHECK(
      last.body.find(
          "<Part><PartNumber>1</PartNumber><ETag>\"e\"</ETag></Part><Part><PartNumber>2</PartNumber><ETag>\"e\"</ETag></Part>") !=
      std::string::npos);
  CHECK(last.query() == "uploadId=an%20id");
}

TEST_CASE("a commit whose answer is lost, or that met its own object, is a success; one that met another's is not") {
  std::string mark;
  bool ours = true;
  scripted_answer finish;
  scripted_server server([&](const scripted_request& r) -> scripted_answer {
    if (begins_upload(r)) {
      mark = ours ? r.header("x-amz-meta-larder-writer").value_or("") : "another";
      return begun;
    }
    if (commits(r)) return finish;
    if (aborts(r)) return {.status = 204};
    if (r.method == "PUT") return taken;
    return {.headers = {{"Content-Length", "1"}, {"x-amz-meta-larder-writer", mark}}};
  });
  client c(in_small_parts(at(server)));
  const bytes part = bytes::copy_of("x");
  const auto commit = [&](put_mode mode) {
    const std::string upload = c.begin_upload("o");
    const std::string tag = c.put_part("o", upload, 0, {&part, 1});
    return c.commit_upload("o", upload, {&tag, 1}, mode);
  };
  for (const scripted_answer& lost : {scripted_answer{.verbatim = ""}, refusal(404, "NoSuchUpload")}) {
    finish = lost;
    for (const put_mode mode : {put_mode::replace, put_mode::create_only}) {
      ours = true;
      CHECK(commit(mode));
      ours = false;
      CHECK(refusal_of([&] { commit(mode); }).cause.has_value());
    }
  }
  for (const scripted_answer& met :
       {refusal(412, "PreconditionFailed"), refusal(200, "PreconditionFailed"), refusal(409, "ConditionalRequestConflict")}) {
    finish = met;
    ours = true;
    CHECK(commit(put_mode::create_only));
    ours = false;
    const std::size_t before = count(server, aborts);
    CHECK_FALSE(commit(put_mode::create_only));
    CHECK(count(server, aborts) == before + 1);
    CHECK(refusal_of([&] { commit(put_mode::replace); }).cause == error_cause::server);
  }
}

TEST_CASE("parts are cut at the part size, whatever pieces the object comes in") {
  std::vector<std::size_t> sizes;
  scripted_server server([&](const scripted_request& r) -> scripted_answer {
    if (begins_upload(r)) return begun;
    if (commits(r)) return complete;
    sizes.push_back(r.body.size());
    CHECK(r.body == std::string(r.body.size(), static_cast<char>('a' + sizes.size() - 1)));
    CHECK(asks(r, "PUT", "partNumber=" + std::to_string(sizes.size()) + "&"));
    return taken;
  });
  client c(in_small_parts(at(server)));
  std::string text;
  for (char letter = 'a'; letter < 'd'; ++letter) text += std::string(s3::min_part_size, letter);
  text += "ddd";
  const bytes whole = bytes::copy_of(text);
  std::vector<bytes> pieces;
  for (std::size_t from = 0, n = 1; from < whole.size(); from += n, n = n * 3 + 1)
    pieces.push_back(whole.slice(from, std::min(n, whole.size() - from)));
  pieces.insert(pieces.begin() + 3, bytes{});
  CHECK(c.put("o", pieces, put_mode::replace));
  CHECK(sizes == std::vector<std::size_t>{s3::min_part_size, s3::min_part_size, s3::min_part_size, 3});
}

TEST_CASE("parts grow where an object would have more than 10,000 of them") {
  struct counting_transport {
    larder::remote::http_response send(const larder::remote::http_request& request) {
      larder::remote::http_response answer;
      answer.status = 200;
      answer.headers.push_back({"etag", "\"e\""});
      if (request.method == "PUT") {
        ++parts;
        largest = std::max(largest, request.body_size());
        all += request.body_size();
      } else {
        answer.body = bytes::copy_of(request.target.query == "uploads=" ? begun.body : complete.body);
      }
      return answer;
    }
    std::size_t parts = 0;
    std::uint64_t largest = 0;
    std::uint64_t all = 0;
  } counting;
  larder::remote::s3_client<counting_transport> c(
      {.address = larder::remote::parse_url("https://h/bucket"), .part_size = s3::min_part_size, .max_object = ~std::uint64_t{0}},
      counting);
  const char one = 'x';
  const std::uint64_t size = s3::min_part_size * 10'000 + 1;
  const bytes huge(nullptr, &one, size);  // never read here
  CHECK(c.put("o", {&huge, 1}, put_mode::replace));
  CHECK(counting.parts == 10'000);
  CHECK(counting.largest == s3::min_part_size + 1);
  CHECK(counting.all == size);
}

TEST_CASE("what cannot be kept is refused before anything is sent") {
  scripted_server server([&](const scripted_request&) { return taken; });
  s3 settings = at(server);
  settings.max_object = 10;
  client c(settings);
  CHECK(refusal_of([&] { put(c, "01234567890"); }).cause == error_cause::invalid_argument);
  CHECK(put(c, "0123456789"));
  for (const char* name : {"", "/a", "a/", "a//b", "..", "a/../b", "A", "a b", "a?b", "a%2fb"}) {
    CAPTURE(name);
    const bytes x = bytes::copy_of("x");
    CHECK(refusal_of([&] { c.get(name, {}); }).cause == error_cause::invalid_argument);
    CHECK(refusal_of([&] { c.head(name); }).cause == error_cause::invalid_argument);
    CHECK(refusal_of([&] { c.put(name, {&x, 1}, put_mode::replace); }).cause == error_cause::invalid_argument);
    CHECK(refusal_of([&] { c.erase(name); }).cause == error_cause::invalid_argument);
    CHECK(refusal_of([&] { c.begin_upload(name); }).cause == error_cause::invalid_argument);
  }
  CHECK(refusal_of([&] { c.list("A", [](std::string_view, const larder::blob_info&) {}); }).cause ==
        error_cause::invalid_argument);
  CHECK(refusal_of([&] { c.put_part("o", std::string(40, 'u'), 10'000, {}); }).cause == error_cause::invalid_argument);
  for (const std::string& none : {std::string(), std::string(32, 'u')}) {  // never a DELETE of the object itself
    CHECK(refusal_of([&] { c.put_part("o", none, 0, {}); }).cause == error_cause::invalid_argument);
    CHECK(refusal_of([&] { c.commit_upload("o", none, {}, put_mode::replace); }).cause == error_cause::invalid_argument);
    c.abort_upload("o", none);
  }
  CHECK(server.count() == 1);
}

TEST_CASE("an erase says whether there was one, and a delete that meets nothing is no failure") {
  std::atomic<int> head{200};
  scripted_answer erased;
  scripted_server server([&](const scripted_request& r) -> scripted_answer {
    if (r.method == "HEAD") return {.status = r.path() == "/bucket" ? 200 : head.load(), .headers = {{"Content-Length", "1"}}};
    return erased;
  });
  client c(at(server));
  erased.status = 204;
  CHECK(c.erase("o"));
  erased = refusal(404, "NoSuchKey");
  CHECK_FALSE(c.erase("o"));
  erased = refusal(403, "AccessDenied");
  CHECK(refusal_of([&] { c.erase("o"); }).cause == error_cause::unauthorized);
  head = 404;
  const std::size_t before = server.count();
  CHECK_FALSE(c.erase("o"));
  CHECK(server.count() == before + 1);  // S3 would answer 204
}

TEST_CASE("a listing is not trusted: foreign names are passed over, and it must get on") {
  std::vector<scripted_answer> pages;
  scripted_server server([&](const scripted_request& r) -> scripted_answer {
    const std::size_t token = r.query().find("continuation-token=");
    return pages.at(token == std::string_view::npos ? 0 : static_cast<std::size_t>(r.query().at(token + 19) - '0'));
  });
  s3 settings = at(server);
  settings.prefix = "f/";
  client c(settings);
  std::string seen;
  const auto list = [&](std::string_view prefix) {
    seen.clear();
    return refusal_of([&] {
      c.list(prefix, [&](std::string_view name, const larder::blob_info& info) {
        seen += std::string(name) + "=" + std::to_string(info.size) + info.etag + " ";
      });
    });
  };
  const auto object = [](const std::string& key, const std::string& size = "1") {
    return "<Contents><Key>" + key + "</Key><Size>" + size +
           "</Size><ETag>&quot;e&quot;</ETag><Owner><Key>f/owner</Key></Owner></Contents>";
  };
  pages = {listing(object("f/a", "12") + object("f/../../etc/passwd") + object("g/b") + object("f/UP") + object("f/b%2Fc") +
                   object("f/") + object("a") + object("f/n", "-1") + object("f/m", "x") + object("f/%zz") + object("f/z") +
                   "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>")};
  CHECK(list("").message == "");
  CHECK(seen == "a=12\"e\" b/c=1\"e\" z=1\"e\" ");
  CHECK(server.requests().back().query() == "encoding-type=url&list-type=2&prefix=f%2F");
  list("b");
  CHECK(seen == "b/c=1\"e\" ");
  CHECK(server.requests().back().query() == "encoding-type=url&list-type=2&prefix=f%2Fb");
  pages = {listing(object("f/a%2Fb") + object("f/a"))};  // not said to be encoded
  list("");
  CHECK(seen == "a=1\"e\" ");
  pages = {listing(object("f/a") + "<IsTruncated>true</IsTruncated><NextContinuationToken>1 +/</NextContinuationToken>"),
           listing(object("f/b"))};
  CHECK(list("").message == "");
  CHECK(seen == "a=1\"e\" b=1\"e\" ");
  CHECK(server.requests().back().query() == "continuation-token=1%20%2B%2F&encoding-type=url&list-type=2&prefix=f%2F");

  pages = {listing("<IsTruncated>true</IsTruncated>")};
  CHECK(says(list(""), "does not say where"));
  pages = {listing("<IsTruncated>true</IsTruncated><NextContinuationToken>1</NextContinuationToken>"),
           listing("<IsTruncated>true</IsTruncated><NextContinuationToken>1</NextContinuationToken>")};
  CHECK(says(list(""), "does not say where"));
  pages = {{.body = "<html/>"}};
  CHECK(says(list(""), "no ListBucketResult"));
  pages = {{.body = "text"}};
  CHECK(list("").cause == error_cause::server);
  pages = {refusal(404, "NoSuchBucket")};
  CHECK(says(list(""), "NoSuchBucket"));
  pages = {refusal(404, "NoSuchKey")};  // an empty bucket is a listing without objects
  CHECK(list("").cause == error_cause::server);
}
