#include <larder/remote/part_read.hpp>

#include <larder/remote/azure.hpp>
#include <larder/remote/s3_client.hpp>
#include <larder/remote/url.hpp>
#include <larder/remote/webdav.hpp>

#include "scripted_transport.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

namespace {

namespace remote = larder::remote;
using larder::blob_info;
using larder::byte_range;
using larder::error_cause;
using larder::test::answer_of;
using larder::test::deliver;
using remote::describe_part;
using remote::http_request;
using remote::http_response;
using remote::part_head;
using remote::part_of_nothing;
using remote::part_read;
using remote::part_wanted;
using remote::reads_nothing;
using support::cause_of;

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
const std::string letters = "0123456789abcdefghij";  // an object of 20 bytes

/// A protocol whose objects are absent by 410 only, and whose failures have a cause of their own.
struct protocol {
  std::optional<part_read> read(const part_wanted& wanted, remote::part_limits limits = {1000}, std::uint64_t max_body = 1000) {
    http_request request = larder::test::request_for();
    request.max_body = max_body;
    return remote::read_part(
        request, wanted, limits,
        [&] {
          ++heads;
          return std::optional(blob_info{7, "\"a\""});
        },
        [&](const http_request& asked) { return script.send(asked); },
        [](const http_response& answer) { return answer.status == 410; },
        [](const http_request& asked, const http_response& answer) {
          throw larder::error(error_cause::unauthorized, asked.method + " " + std::to_string(answer.status));
        });
  }
  void answer(http_response always) {
    script.answer([always](const http_request&, std::size_t) { return always; });
  }
  void hold(std::string_view object, std::string_view etag) {
    script.answer([=](const http_request& request, std::size_t) { return deliver(request, object, etag); });
  }
  http_request asked() const { return script.seen().back(); }

  larder::test::transport_script script;
  int heads = 0;
};

/// A client that is one as far as parts go, and one that cannot say that there is none.
struct reader {
  std::optional<part_read> read_part(std::string_view, const part_wanted&) { return {}; }
};
struct sure_reader {
  part_read read_part(std::string_view, const part_wanted&) { return {}; }
};
static_assert(remote::part_reading_client<reader>);
static_assert(!remote::part_reading_client<sure_reader>);

struct lent final : remote::body_target {
  std::span<std::byte> room(const http_response&, std::uint64_t) override { return std::as_writable_bytes(std::span(memory)); }
  std::array<char, 8> memory{};
};

/// Reads a range without bytes of an object that is there and of one that is not.
template <class Client, class Settings>
void check_reading_nothing(const Settings& settings, const byte_range& range) {
  larder::test::transport_script script;
  larder::test::scripted_transport transport(script);
  Client client(settings, transport);
  std::stop_source stopping;
  stopping.request_stop();
  script.answer([](const http_request&, std::size_t) { return answer_of(200, {{"content-length", "7"}, {"etag", "\"a\""}}); });
  const std::optional<part_read> part =
      client.read_part("o", {.range = range, .if_match = "\"a\"", .stop = stopping.get_token()});
  REQUIRE(part);
  CHECK_FALSE(part->changed);
  CHECK(part->head.total == 7);
  CHECK(client.read_part("o", {.range = range, .if_match = "\"b\"", .stop = stopping.get_token()})->changed);
  CHECK(client.get("o", range)->empty());
  script.answer([](const http_request&, std::size_t) { return answer_of(404, {{"x-ms-error-code", "BlobNotFound"}}); });
  CHECK_FALSE(client.get("o", range));
  const std::vector<http_request> seen = script.seen();
  CHECK(seen.size() == 4);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    CHECK(seen[i].method == "HEAD");
    CHECK(seen[i].stop.stop_requested() == (i < 2));
  }
}

}  // namespace

TEST_CASE("an answer says of the object what its status lets it say") {
  struct row {
    int status;
    std::vector<remote::http_header> headers;
    bool ranged;
    std::optional<std::uint64_t> total;
  };
  for (const row& r : std::vector<row>{{200, {{"content-length", "7"}}, false, 7},
                                       {200, {{"content-length", "7"}, {"transfer-encoding", "chunked"}}, false, {}},
                                       {200, {{"content-length", "-7"}}, false, {}},
                                       {200, {{"content-range", "bytes 0-1/9"}}, false, {}},
                                       {200, {}, false, {}},
                                       {206, {{"content-length", "2"}, {"content-range", "bytes 0-1/9"}}, true, 9},
                                       {206, {{"content-length", "2"}, {"content-range", "bytes 0-1/*"}}, true, {}},
                                       {206, {{"content-length", "2"}, {"content-range", "bytes 0-9/9"}}, true, {}},
                                       {206, {{"content-length", "2"}}, true, {}},
                                       {416, {{"content-length", "2"}, {"content-range", "bytes */9"}}, true, 9},
                                       {416, {{"content-length", "2"}, {"content-range", "bytes 0-1/9"}}, true, {}},
                                       {416, {{"content-range", "bytes */"}}, true, {}},
                                       {416, {}, true, {}}}) {
    CAPTURE(r.status);
    CAPTURE(r.headers.size());
    const part_head head = describe_part(answer_of(r.status, r.headers));
    CHECK(head.ranged == r.ranged);
    CHECK(head.total == r.total);
    CHECK(head.etag.empty());
  }
  CHECK(describe_part(answer_of(206, {{"etag", "\"a\""}})).etag == "\"a\"");
}

TEST_CASE("only a strong ETag can be compared") {
  for (const char* strong : {"\"a\"", "\"\"", "\"W/\""}) CHECK(remote::is_strong_etag(strong));
  for (const char* weak : {"", "\"", "W/\"a\"", "w/\"a\"", "a", "0x8D"}) CHECK_FALSE(remote::is_strong_etag(weak));
}

TEST_CASE("an object that says it is larger than what is taken is refused, and the message says how large") {
  const http_request request = larder::test::request_for("GET", "https://h/o?sig=PLANTED");
  remote::check_object_size(request, {false, {}, {}}, 0);
  remote::check_object_size(request, {false, 10, {}}, 10);
  const support::refusal refused =
      support::refusal_of([&] { remote::check_object_size(request, {false, 11, {}}, 10); }, {"PLANTED"});
  CHECK(refused.cause == error_cause::server);
  CHECK(support::says(refused, "GET https://h/o: the object has 11 bytes where at most 10 are taken"));
}

TEST_CASE("an object that could not be read back is not to be put, and the message says how large it is and what to raise") {
  remote::check_can_be_read_back(0, 0);
  remote::check_can_be_read_back(10, 10);
  const support::refusal refused = support::refusal_of([] { remote::check_can_be_read_back(11, 10); });
  CHECK(refused.cause == error_cause::invalid_argument);
  CHECK(support::says(refused, "11 bytes is larger than max_object, 10, and could not be read back; raise max_object"));
}

TEST_CASE("a range without bytes, or where a service's numbers have ended, is no range to ask for") {
  CHECK(reads_nothing({0, 0}));
  CHECK(reads_nothing({5, 0}, 10));
  CHECK(reads_nothing({11, 1}, 10));
  CHECK_FALSE(reads_nothing({10, 1}, 10));
  CHECK_FALSE(reads_nothing({most, 1}));
  CHECK_FALSE(reads_nothing({}));

  CHECK_FALSE(part_of_nothing({}, ""));
  for (const char* tag : {"", "\"a\""}) {
    const std::optional<part_read> part = part_of_nothing(blob_info{7, "\"a\""}, tag);
    REQUIRE(part);
    CHECK_FALSE(part->changed);
    CHECK(part->head.total == 7);
    CHECK(part->head.etag == "\"a\"");
    CHECK(part->body.empty());
  }
  const std::optional<part_read> other = part_of_nothing(blob_info{7, "\"a\""}, "\"b\"");
  REQUIRE(other);
  CHECK(other->changed);
  CHECK_FALSE(other->head.total);
  CHECK(other->head.etag.empty());
}

TEST_CASE("what no range can ask for is looked up without its bytes, by the protocol's own word for that") {
  protocol p;
  const std::optional<part_read> nothing = p.read({.range = {3, 0}, .if_match = "\"a\""});
  REQUIRE(nothing);
  CHECK(nothing->head.total == 7);
  CHECK_FALSE(nothing->changed);
  CHECK(p.read({.range = {100, 5}, .if_match = "\"b\""}, {1000, 99})->changed);
  CHECK(p.heads == 2);
  CHECK(p.script.count() == 0);
  p.hold(letters, "");
  CHECK(p.read({.range = {3, 5}}, {1000, 99}));
  CHECK(p.heads == 2);
}

TEST_CASE("a part is asked for by its range and its version, and the whole by no range") {
  protocol p;
  p.hold(letters, "\"a\"");
  const std::optional<part_read> part = p.read({.range = {3, 5}, .if_match = "\"a\""});
  REQUIRE(part);
  CHECK_FALSE(part->changed);
  CHECK(part->body.text() == "34567");
  CHECK_FALSE(part->landed);
  CHECK(part->head.ranged);
  CHECK(part->head.total == 20);
  CHECK(part->head.etag == "\"a\"");
  CHECK(p.asked().range->offset == 3);
  CHECK(p.asked().range->size == 5);
  CHECK(p.asked().max_body == 5);
  REQUIRE(p.asked().headers.size() == 1);
  CHECK(p.asked().headers[0].name == "If-Match");
  CHECK(p.asked().headers[0].value.reveal() == "\"a\"");

  CHECK(p.read({.range = {18, 5}})->body.text() == "ij");  // cut to the object
  CHECK(p.asked().headers.empty());

  const std::optional<part_read> whole = p.read({});
  REQUIRE(whole);
  CHECK(whole->body.text() == letters);
  CHECK_FALSE(whole->head.ranged);
  CHECK_FALSE(p.asked().range);
  CHECK(p.asked().max_body == 1000);
  (void)p.read({.range = {0, 5000}});
  CHECK(p.asked().max_body == 1000);
}

TEST_CASE("a range that ends where a service's numbers have ended goes to the end of the object") {
  protocol p;
  p.hold(letters, "");
  CHECK(p.read({.range = {3, 97}}, {1000, 99})->body.text() == letters.substr(3));
  CHECK(p.asked().range->size == 97);
  CHECK(p.read({.range = {3, 98}}, {1000, 99})->body.text() == letters.substr(3));
  CHECK(p.asked().range->offset == 3);
  CHECK(p.asked().range->size == most);
  CHECK(p.asked().max_body == 98);  // and yet no more is taken than was wanted
  CHECK(p.read({.range = {0, 101}}, {1000, 99})->body.text() == letters);
  CHECK_FALSE(p.asked().range);
  CHECK(p.asked().max_body == 101);
}

TEST_CASE("the protocol says what is absent and how the rest fails") {
  protocol p;
  p.answer(answer_of(410));
  CHECK_FALSE(p.read({.range = {3, 5}}));
  CHECK_FALSE(p.read({}));
  for (const int status : {201, 204, 304, 404, 412, 500}) {
    CAPTURE(status);
    p.answer(answer_of(status));
    CHECK(cause_of([&] { (void)p.read({.range = {3, 5}}); }) == error_cause::unauthorized);
    CHECK(cause_of([&] { (void)p.read({}); }) == error_cause::unauthorized);
  }
}

TEST_CASE("another version than the one that was asked for has changed, and nothing is said of it") {
  protocol p;
  p.answer(answer_of(412, {{"etag", "\"b\""}, {"content-length", "4"}}, "text"));
  for (const byte_range range : {byte_range{}, byte_range{3, 5}}) {
    const std::optional<part_read> part = p.read({.range = range, .if_match = "\"a\""});
    REQUIRE(part);
    CHECK(part->changed);
    CHECK(part->body.empty());
    CHECK_FALSE(part->head.total);
    CHECK(part->head.etag.empty());
  }
}

TEST_CASE("a range that begins beyond the end has no bytes, and the page that says so is none of the object") {
  protocol p;
  p.answer(answer_of(416, {{"content-range", "bytes */20"}, {"etag", "\"a\""}}, "<html>"));
  const std::optional<part_read> part = p.read({.range = {30, 5}});
  REQUIRE(part);
  CHECK(part->body.empty());
  CHECK(part->head.total == 20);
  CHECK(part->head.etag == "\"a\"");
  CHECK(cause_of([&] { (void)p.read({}); }) == error_cause::unauthorized);  // no range was asked for
}

TEST_CASE("an answer that is another part than the wanted one is refused") {
  protocol p;
  const auto answered = [&](const char* range, std::string_view body) {
    p.answer(answer_of(206, {{"content-range", range}}, body));
    return cause_of([&] { (void)p.read({.range = {3, 5}}); });
  };
  CHECK(answered("bytes 3-7/20", "34567") == std::nullopt);
  CHECK(answered("bytes 4-8/20", "45678") == error_cause::server);
  CHECK(answered("bytes 3-6/20", "3456") == error_cause::server);
  CHECK(answered("bytes 3-7/20", "3456") == error_cause::server);
  CHECK(answered("3-7/20", "34567") == error_cause::server);
  p.answer(answer_of(206, {{"content-range", "bytes 0-19/20"}}, letters));
  CHECK(cause_of([&] { (void)p.read({}); }) == error_cause::server);  // a part where the whole was wanted
}

TEST_CASE("a part of an object larger than the protocol takes is refused") {
  protocol p;
  p.hold(letters, "");
  CHECK(p.read({.range = {3, 5}}, {20})->body.size() == 5);
  CHECK(cause_of([&] { (void)p.read({.range = {3, 5}}, {19}); }) == error_cause::server);
  p.answer(answer_of(200, {{"content-length", "20"}}, "34567"));  // without ranges; the transport has cut it
  CHECK(cause_of([&] { (void)p.read({.range = {3, 5}}, {19}); }) == error_cause::server);
  CHECK(p.read({.range = {3, 0}}, {7}));  // by the look-up, which finds 7 bytes
  CHECK(cause_of([&] { (void)p.read({.range = {3, 0}}, {6}); }) == error_cause::server);
  CHECK(cause_of([&] { (void)p.read({.range = {100, 5}}, {6, 99}); }) == error_cause::server);
}

TEST_CASE("a part lands in the room that is lent for it") {
  protocol p;
  p.hold(letters, "");
  lent target;
  const std::optional<part_read> part = p.read({.range = {3, 5}, .into = &target});
  REQUIRE(part);
  CHECK(part->landed == 5);
  CHECK(part->body.empty());
  CHECK(std::string_view(target.memory.data(), 5) == "34567");
}

TEST_CASE("a stop reaches the transport") {
  protocol p;
  p.hold(letters, "");
  std::stop_source stopping;
  stopping.request_stop();
  (void)p.read({.range = {3, 5}, .stop = stopping.get_token()});
  CHECK(p.asked().stop.stop_requested());
}

TEST_CASE("a protocol that knows more than the common headers describes the part itself, one beyond the end, too") {
  larder::test::transport_script script;
  const auto read = [&] {
    return remote::read_part(
        larder::test::request_for(), {.range = {3, 5}}, {1000}, [] { return std::optional<blob_info>(); },
        [&](const http_request& asked) { return script.send(asked); }, [](const http_response&) { return false; },
        [](const http_request&, const http_response&) {},
        [](const http_request& asked, const http_response& answer) {
          return part_head{false, static_cast<std::uint64_t>(answer.status) + asked.range->offset, "mine"};
        });
  };
  script.answer(
      [](const http_request& asked, std::size_t nth) { return nth == 0 ? deliver(asked, letters, "") : answer_of(416); });
  const std::optional<part_read> there = read();
  CHECK(there->head.total == 209);
  CHECK(there->head.etag == "mine");
  CHECK(there->body.text() == "34567");
  CHECK(read()->head.total == 419);
}

TEST_CASE("no bytes of an object are asked for by a HEAD, which a stop ends, whatever the protocol") {
  using transport = larder::test::scripted_transport;
  const remote::s3_bucket bucket{.address = remote::parse_url("http://h/bucket")};
  for (const byte_range range : {byte_range{0, 0}, byte_range{most, 0}, byte_range{most, 5}}) {
    CAPTURE(range.size);
    check_reading_nothing<larder::azure::client<transport>>(larder::azure::emulator("cache"), range);
    check_reading_nothing<remote::s3_client<transport>>(bucket, range);
    if (range.size == 0) check_reading_nothing<larder::webdav::client<transport>>(larder::webdav{.url = "http://h/d"}, range);
  }
}

TEST_CASE("the look at a bucket that follows a HEAD ends by the same stop") {
  larder::test::transport_script script;
  larder::test::scripted_transport transport(script);
  remote::s3_client<larder::test::scripted_transport> s3({.address = remote::parse_url("http://h/bucket")}, transport);
  script.answer([](const http_request&, std::size_t nth) { return answer_of(nth == 0 ? 404 : 200); });
  std::stop_source stopping;
  stopping.request_stop();
  CHECK_FALSE(s3.read_part("o", {.range = {0, 0}, .stop = stopping.get_token()}));
  CHECK(script.count() == 2);
  CHECK(script.seen()[1].target.path == "/bucket");
  CHECK(script.seen()[1].stop.stop_requested());
}
