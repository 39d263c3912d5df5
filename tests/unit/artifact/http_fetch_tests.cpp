#include <larder/artifact/blob_fetch.hpp>
#include <larder/artifact/http_fetch.hpp>
#include <larder/artifact/streamed_body.hpp>
#include <larder/testing/blob_server.hpp>
#include <larder/testing/fault.hpp>
#include <larder/testing/scripted_server.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/file_provider.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace larder::artifacts;
using namespace std::chrono_literals;
using larder::byte_range;
using larder::fetch_sink;
using larder::http_fetch;
using larder::testing::blob_server;
using larder::testing::fault;
using larder::testing::fault_kind;
using larder::testing::scripted_answer;
using larder::testing::scripted_request;
using larder::testing::scripted_server;

/// What one request brought.
class gathered final : public fetch_receiver {
 public:
  void take(std::span<const std::byte> piece) override { text.append(reinterpret_cast<const char*>(piece.data()), piece.size()); }
  void total(std::uint64_t size) override { whole = size; }
  void version(std::string_view tag) override { etag = tag; }
  void begins_at(std::uint64_t offset) override { begin = offset; }
  const std::stop_token& stop() const noexcept override { return token; }

  std::string text, etag;
  std::optional<std::uint64_t> whole, begin;
  std::stop_token token;
};

gathered ask(const http_fetch& fetch, const std::string& url, byte_range range = {}) {
  gathered all;
  fetch_sink sink(all);
  fetch(url, range, sink);
  return all;
}

larder::http_fetch_settings quick() {
  larder::http_fetch_settings settings;
  settings.retry.base = 1ms;
  settings.timeouts.first_byte = 2s;
  settings.timeouts.stall = 1s;
  return settings;
}

std::string fetched(const std::string& url, const http_fetch& fetch, larder::content_digest digest,
                    fetched_file* result = nullptr) {
  const support::temporary_folder folder;
  partial_file partial(folder / "partial");
  larder::remote::transfer_streams streams(2);
  const wanted_file wanted{url, digest};
  const larder::fetch_function function = fetch;
  const larder::transfer_control control;
  const fetched_file got = blob_fetch(partial, wanted, function, streams, 2, control).run();
  if (result != nullptr) *result = got;
  return support::content_of(folder / "partial");
}

larder::content_digest md5(std::string_view content) { return larder::digest_of(content, larder::digest_algorithm::md5); }

}  // namespace

TEST_CASE("a range, the whole, and what lies behind the end") {
  blob_server server;
  const std::string content = support::pattern(100'000);
  server.store("/f", larder::bytes::copy_of(std::string_view(content)));
  server.store("/empty", larder::bytes{});
  const http_fetch fetch{quick()};
  gathered got = ask(fetch, server.url() + "/f", {10, 20});
  CHECK(got.text == content.substr(10, 20));
  CHECK(got.whole == 100'000);
  CHECK(got.begin == 10);
  CHECK_FALSE(got.etag.empty());
  got = ask(fetch, server.url() + "/f");
  CHECK(got.text == content);
  CHECK(got.begin == 0);
  CHECK(ask(fetch, server.url() + "/f", {99'990, 100}).text == content.substr(99'990));
  got = ask(fetch, server.url() + "/f", {100'000, 100});
  CHECK(got.text.empty());
  CHECK(got.whole == 100'000);
  got = ask(fetch, server.url() + "/empty", {0, 100});
  CHECK(got.text.empty());
  CHECK(got.whole == 0);
  CHECK(support::cause_of([&] { ask(fetch, server.url() + "/none"); }) == larder::error_cause::server);
  CHECK(support::cause_of([&] { ask(fetch, "ftp://x/y"); }) == larder::error_cause::invalid_argument);
}

TEST_CASE("faults of servers are met: passing ones by trying again, broken bodies by asking for the rest") {
  const std::string content = support::pattern(static_cast<std::size_t>(2 * chunk_size + 1'000));
  const http_fetch fetch{quick()};
  const auto with = [&](const fault& f) {
    blob_server server;
    server.store("/f", larder::bytes::copy_of(std::string_view(content)));
    server.inject(f);
    fetched_file result;
    CHECK(fetched(server.url() + "/f", fetch, md5(content), &result) == content);
    return result.fetched;
  };
  CHECK(with({.kind = fault_kind::status, .status = 503}) == content.size());
  CHECK(with({.kind = fault_kind::close}) == content.size());
  CHECK(with({.kind = fault_kind::reset, .after = 3'000'000}) == content.size());
  CHECK(with({.kind = fault_kind::truncate, .after = 3'000'000}) == content.size());
  CHECK(with({.kind = fault_kind::stall, .after = 3'000'000}) == content.size());
  with({.kind = fault_kind::ignore_range, .times = fault::always});
  with({.kind = fault_kind::ignore_range});
}

TEST_CASE("a server that knows no ranges is read once, however large the file") {
  blob_server server;
  const std::string content = support::pattern(static_cast<std::size_t>(3 * chunk_size));
  server.store("/f", larder::bytes::copy_of(std::string_view(content)));
  server.inject({.kind = fault_kind::ignore_range, .times = fault::always});
  fetched_file result;
  CHECK(fetched(server.url() + "/f", http_fetch{quick()}, md5(content), &result) == content);
  CHECK(result.fetched == content.size());
  CHECK(server.counts()["GET"] == 2);
}

TEST_CASE("a server that does not say how long its answer is") {
  const std::string content = support::pattern(300'000);
  scripted_server server([&](const scripted_request&) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx", content.size());
    return scripted_answer{.headers = {{"Transfer-Encoding", "chunked"}},
                           .body = std::string(size) + "\r\n" + content + "\r\n0\r\n\r\n"};
  });
  CHECK(fetched(server.url() + "/f", http_fetch{quick()}, md5(content)) == content);
}

TEST_CASE("redirects are followed, without the credentials where they lead to another host") {
  const std::string content = support::pattern(1'000);
  scripted_server storage([&](const scripted_request& asked) {
    if (asked.header("authorization")) return scripted_answer{.status = 400, .body = "a stranger's key"};
    return scripted_answer{.status = 200, .body = content};
  });
  scripted_server hub([&](const scripted_request& asked) {
    if (asked.header("authorization") != "Bearer key-1") return scripted_answer{.status = 401};
    if (asked.path() == "/a") return scripted_answer{.status = 302, .headers = {{"Location", "/b?x=1"}}};
    if (asked.path() == "/b") return scripted_answer{.status = 307, .headers = {{"Location", "c"}}};
    if (asked.path() == "/c")
      return scripted_answer{.status = 301, .headers = {{"Location", storage.url() + "/signed?secret=s"}}};
    if (asked.path() == "/loop") return scripted_answer{.status = 302, .headers = {{"Location", "/loop"}}};
    if (asked.path() == "/file") return scripted_answer{.status = 302, .headers = {{"Location", "file:///etc/passwd"}}};
    return scripted_answer{.status = 302};
  });
  larder::http_fetch_settings settings = quick();
  settings.headers = {{"Authorization", larder::secret("Bearer key-1")}};
  const http_fetch fetch{settings};
  CHECK(ask(fetch, hub.url() + "/a").text == content);
  CHECK(storage.count() == 2);  // how large it is, and what it is
  for (const char* const path : {"/loop", "/nowhere"})
    CHECK(support::cause_of([&] { ask(fetch, hub.url() + path); }, {"key-1"}) == larder::error_cause::server);
  CHECK(support::cause_of([&] { ask(fetch, hub.url() + "/file"); }) == larder::error_cause::invalid_argument);
  CHECK(support::cause_of([&] { ask(http_fetch{quick()}, hub.url() + "/a"); }) == larder::error_cause::unauthorized);
}

TEST_CASE("where a redirect leads") {
  const larder::remote::url from = larder::remote::parse_url("https://host:8443/a/b?q=1");
  CHECK(redirected(from, "https://other/x?y=http://z").text() == "https://other/x?y=http://z");
  CHECK(redirected(from, "//other/x").text() == "https://other/x");
  CHECK(redirected(from, "/x?u=http://z#frag").text() == "https://host:8443/x?u=http://z");
  CHECK(redirected(from, "c").text() == "https://host:8443/a/c");
  CHECK(support::cause_of([&] { redirected(from, "/../x"); }) == larder::error_cause::invalid_argument);
}

TEST_CASE("a stop ends a request that waits") {
  blob_server server;
  server.store("/f", support::pattern_bytes(1'000'000));
  server.inject({.kind = fault_kind::stall, .after = 500'000});
  std::stop_source stop;
  gathered all;
  all.token = stop.get_token();
  fetch_sink sink(all);
  http_fetch fetch;
  std::thread stopper([&] { stop.request_stop(); });
  CHECK(support::cause_of([&] { fetch(server.url() + "/f", {}, sink); }) == larder::error_cause::cancelled);
  stopper.join();
  server.release();
}
