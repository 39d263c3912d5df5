// http_blob<azure> against Azurite, the emulator of Azure Storage: over http with its key and with shared access signatures, over
// https with bearer tokens. Skipped, with a word, where Azurite is not installed (scripts/servers install).

#include <larder/cache.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/testing/storage_conformance.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/azurite.hpp"
#include "support/blob_objects.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/silent_sink.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::azure;
using larder::error_cause;
using larder::put_mode;
using larder_tests::azurite;
using store = larder::http_blob<azure>::store;

support::silent_sink sink;

constexpr larder::remote_timeouts patience{
    .connect = 20'000ms, .first_byte = 60'000ms, .stall = 60'000ms, .slowest = 1, .total = 120'000ms};

/// Settings for a container of that name in the running emulator.
azure at(const azurite& server, const std::string& container, const std::string& prefix = "") {
  azure settings = azure::emulator(container, server.endpoint());
  settings.create_container = false;
  settings.prefix = prefix;
  settings.timeouts = patience;
  settings.ca_file = server.ca_file();
  if (server.endpoint().starts_with("http:")) settings.ca_file.clear();
  return settings;
}
/// The same with the container made, and small blocks.
azure fresh(const azurite& server, const std::string& container, const std::string& prefix = "") {
  azure settings = at(server, container, prefix);
  settings.block_size = std::uint64_t{1} << 20U;
  store made(settings, sink);
  CHECK(made.protocol_client().make_container());
  CHECK_FALSE(made.protocol_client().make_container());
  return settings;
}

std::map<std::string, std::uint64_t> listed_with_tags(store& s, const std::string& prefix) {
  std::map<std::string, std::uint64_t> out;
  s.list(prefix, [&](std::string_view name, const larder::blob_info& info) {
    CHECK_FALSE(info.etag.empty());
    CHECK(out.emplace(name, info.size).second);
  });
  return out;
}

/// What f throws, which must hold no secret.
template <class F>
refusal refused(F&& f) {
  return support::refusal_of(f, {larder::remote::azure_emulator::key.substr(0, 20), "sig=", "hunter2", "eyJ"});
}
/// A shared access signature for a container of the emulator, good until 2099.
std::string signature_for(const std::string& container, const std::string& permissions,
                          const std::string& end = "2099-01-01T00:00:00Z") {
  const std::string text =
      permissions + "\n\n" + end + "\n/blob/devstoreaccount1/" + container + "\n\n\nhttps,http\n2023-11-03\nc\n\n\n\n\n\n\n";
  const larder::secret key(*larder::remote::base64_decoded(larder::remote::azure_emulator::key));
  std::string sig = larder::remote::azure_signature(key, text);
  std::string encoded;
  for (const char c : sig)
    encoded += c == '+' ? std::string("%2B") : c == '/' ? std::string("%2F") : c == '=' ? std::string("%3D") : std::string(1, c);
  return "sv=2023-11-03&spr=https%2Chttp&se=" + end.substr(0, 13) + "%3A00%3A00Z&sr=c&sp=" + permissions + "&sig=" + encoded;
}

/// A token as Azurite wants it: it reads the claims and verifies no signature.
std::string token_until(std::int64_t expiry) {
  const auto part = [](const std::string& json) {
    std::string text = larder::remote::base64(json);
    while (text.ends_with('=')) text.pop_back();
    for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return text;
  };
  const std::string claims = R"({"aud":"https://storage.azure.com",)"
                             R"("iss":"https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",)"
                             R"("iat":1511859603,"nbf":1511859603,"exp":)";
  return part(R"({"alg":"none","typ":"JWT"})") + "." + part(claims + std::to_string(expiry) + "}") + ".c2ln";
}
constexpr std::int64_t year_2099 = 4'070'908'800;

}  // namespace

TEST_CASE("Azurite: the contract of a blob store is kept, in a folder and at the top, in one request and in blocks") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  azure settings = fresh(*server, "conformance");
  for (const char* prefix : {"", "models", "A b/c%d+é"}) {
    CAPTURE(prefix);
    settings.prefix = prefix;
    store s(settings, sink);
    const larder::testing::conformance result = larder::testing::check_blob_store(s);
    INFO(result.text());
    CHECK(result.passed());
  }
}

TEST_CASE("Azurite: objects of any size come back whole, and ranges are cut to them") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  store s(fresh(*server, "sizes", "v1"), sink);
  constexpr std::uint64_t top = ~std::uint64_t{0};
  const std::size_t mib = std::size_t{1} << 20U;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, mib, mib + 1, 3 * mib, 5 * mib + 7}) {
    CAPTURE(size);
    const std::string text = pattern(size);
    const std::string name = "a/b/" + std::to_string(size);
    CHECK(put(s, name, pattern(size + 10, 3)));
    CHECK(put(s, name, text));
    CHECK(get(s, name) == text);
    REQUIRE(s.head(name));
    CHECK(s.head(name)->size == size);
    for (const larder::byte_range r : {larder::byte_range{0, 1},
                                       {10, 100},
                                       {size / 2, top},
                                       {size, 1},
                                       {size + 5, 5},
                                       {0, size + 1},
                                       {0, 0},
                                       {3, top - 5},
                                       {top - 1, 1},
                                       {top, top}}) {
      CAPTURE(r.offset);
      CAPTURE(r.size);
      const std::uint64_t from = std::min<std::uint64_t>(r.offset, size);
      CHECK(get(s, name, r) == text.substr(from, std::min<std::uint64_t>(r.size, size - from)));
      CHECK_FALSE(s.get("absent", r));
    }
    CHECK(s.erase(name));
    CHECK_FALSE(s.erase(name));
  }
}

TEST_CASE("Azurite: a part says how large the object is and is refused when the object has changed") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  store s(fresh(*server, "parts"), sink);
  auto& client = s.protocol_client();
  CHECK(put(s, "o", pattern(1000)));
  const auto first = client.read_part("o", {.range = {0, 100}});
  REQUIRE(first);
  CHECK_FALSE(first->changed);
  CHECK(first->body.text() == pattern(1000).substr(0, 100));
  CHECK(first->head.total == 1000);
  CHECK(first->head.etag == s.head("o")->etag);
  CHECK(client.read_part("o", {.range = {100, 100}, .if_match = first->head.etag})->body.text() ==
        pattern(1000).substr(100, 100));
  CHECK(client.read_part("o", {.range = {2000, 100}, .if_match = first->head.etag})->head.total == 1000);
  CHECK(client.read_part("o", {.range = larder::byte_range{}, .if_match = first->head.etag})->head.total == 1000);
  CHECK(put(s, "o", pattern(1000, 2)));
  CHECK(client.read_part("o", {.range = {100, 100}, .if_match = first->head.etag})->changed);
  CHECK(client.read_part("o", {.range = larder::byte_range{}, .if_match = first->head.etag})->changed);
  CHECK(client.read_part("o", {.range = {0, 0}, .if_match = first->head.etag})->changed);
  CHECK(s.erase("o"));
  CHECK_FALSE(client.read_part("o", {.range = {0, 100}}));
}

TEST_CASE("Azurite: parts are put in any order, and are the object once they are committed") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  store s(fresh(*server, "uploads", "x"), sink);
  auto& client = s.protocol_client();
  const std::array<larder::bytes, 3> parts{larder::bytes::copy_of("one "), larder::bytes::copy_of("two "),
                                           larder::bytes::copy_of("three")};
  const std::string upload = client.begin_upload("o");
  std::array<std::string, 3> tags;
  for (const std::size_t i : {std::size_t{2}, std::size_t{0}, std::size_t{1}, std::size_t{2}})
    tags[i] = client.put_part("o", upload, i, {&parts[i], 1});
  CHECK_FALSE(s.get("o"));  // nobody sees it before
  CHECK(listed_with_tags(s, "").empty());
  CHECK(client.commit_upload("o", upload, tags, put_mode::create_only));
  CHECK(get(s, "o") == "one two three");
  CHECK(client.commit_upload("o", upload, tags, put_mode::create_only));  // as a transport does that has lost the answer
  CHECK(client.commit_upload("o", upload, tags, put_mode::replace));

  CHECK(s.erase("o"));
  const std::string late = client.begin_upload("o");
  const std::string never = larder::remote::base64(late + "0000000");
  const refusal lost = refused([&] { client.commit_upload("o", late, {&never, 1}, put_mode::replace); });
  CHECK(lost.cause == error_cause::server);
  CHECK(says(lost, "InvalidBlockList"));
  CHECK_FALSE(s.get("o"));
  client.abort_upload("o", late);
  CHECK(refused([&] { client.put_part("o", late, 50'000, parts); }).cause == error_cause::invalid_argument);
  const std::string foreign = "</Latest>";
  CHECK(refused([&] {
          client.commit_upload("o", late, {&foreign, 1}, put_mode::replace);
        }).cause == error_cause::invalid_argument);
}

TEST_CASE("Azurite: of sixteen who make one object one wins, and the object is his, whole") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  const azure settings = fresh(*server, "races");
  for (const std::size_t size : {std::size_t{100'000}, std::size_t{2'500'000}}) {
    CAPTURE(size);
    const std::string name = "o" + std::to_string(size);
    store here(settings, sink);
    store there(settings, sink);
    std::atomic<int> won{0};
    std::atomic<std::uint32_t> winner{0};
    std::atomic<int> failed{0};
    std::vector<std::thread> threads;
    for (std::uint32_t t = 1; t <= 16; ++t)
      threads.emplace_back([&, t] {
        try {
          if (put(t % 2 == 0 ? here : there, name, pattern(size, t), put_mode::create_only)) {
            ++won;
            winner = t;
          }
        } catch (const larder::error&) {
          ++failed;
        }
      });
    for (std::thread& t : threads) t.join();
    CHECK(failed == 0);
    CHECK(won == 1);
    CHECK(get(here, name) == pattern(size, winner));

    for (std::uint32_t t = 1; t <= 16; ++t)
      threads[t - 1] = std::thread([&, t] {
        try {
          if (!put(t % 2 == 0 ? here : there, name, pattern(size, t))) ++failed;
        } catch (const larder::error&) {
          ++failed;
        }
      });
    for (std::thread& t : threads) t.join();
    CHECK(failed == 0);
    const std::optional<std::string> left = get(here, name);
    bool whole = false;
    for (std::uint32_t t = 1; t <= 16; ++t) whole = whole || left == pattern(size, t);
    CHECK(whole);
  }
}

TEST_CASE("Azurite: a listing goes over its pages and shows what is ours") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  azure settings = fresh(*server, "lists", "deep/er");
  settings.page_size = 3;
  store s(settings, sink);
  azure above = settings;
  above.prefix = "";
  store top(above, sink);
  CHECK(put(top, "deep/erx", "not below the folder"));
  std::map<std::string, std::uint64_t> expected;
  for (std::size_t i = 0; i < 10; ++i) {
    const std::string name = "n" + std::string(i % 2 == 0 ? "/even." : "-odd_") + std::to_string(i);
    CHECK(put(s, name, pattern(i)));
    expected[name] = i;
  }
  CHECK(listed_with_tags(s, "") == expected);
  std::map<std::string, std::uint64_t> even;
  for (const auto& [name, size] : expected)
    if (size % 2 == 0) even[name] = size;
  CHECK(listed_with_tags(s, "n/") == even);
  CHECK(listed_with_tags(s, "n/ev") == even);
  CHECK(listed_with_tags(s, "nothing").empty());
  CHECK(listed_with_tags(top, "").size() == 11);
  CHECK(refused([&] { listed_with_tags(s, "a&b"); }).cause == error_cause::invalid_argument);
  azure foreign = settings;
  foreign.prefix = "deep/er/n/A B&<c>";  // names that are not ours are not shown
  store other(foreign, sink);
  CHECK(put(other, "z", "1"));
  CHECK(listed_with_tags(s, "") == expected);
  CHECK(listed_with_tags(other, "") == std::map<std::string, std::uint64_t>{{"z", 1}});
}

TEST_CASE("Azurite: a lease is one holder's until he gives it back") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  store s(fresh(*server, "leases"), sink);
  auto& client = s.protocol_client();
  CHECK(refused([&] { client.acquire_lease("o", 15s); }).cause == error_cause::server);  // nothing to lease
  CHECK(put(s, "o", "x"));
  const std::optional<std::string> lease = client.acquire_lease("o", 60s);
  REQUIRE(lease);
  CHECK_FALSE(client.acquire_lease("o", client.until_released));
  const refusal held = refused([&] { put(s, "o", "y"); });
  CHECK(held.cause == error_cause::server);
  CHECK(says(held, "LeaseIdMissing"));
  CHECK(says(held, "request "));
  CHECK_FALSE(put(s, "o", "y", put_mode::create_only));
  CHECK(client.renew_lease("o", *lease));
  CHECK_FALSE(client.renew_lease("o", "01234567-89ab-cdef-0123-456789abcdef"));
  CHECK(client.release_lease("o", *lease));
  CHECK_FALSE(client.release_lease("o", *lease));
  CHECK(put(s, "o", "y"));
  const std::optional<std::string> endless = client.acquire_lease("o", client.until_released);
  REQUIRE(endless);
  CHECK(client.release_lease("o", *endless));
  CHECK_FALSE(client.renew_lease("absent", *endless));
  CHECK(refused([&] { client.acquire_lease("o", 14s); }).cause == error_cause::invalid_argument);
  CHECK(refused([&] { client.renew_lease("o", "a\r\nb"); }).cause == error_cause::invalid_argument);
}

TEST_CASE("Azurite: a missing container and wrong credentials are failures with their reason, never misses") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  const auto all_fail = [](const azure& settings, error_cause cause, std::string_view words) {
    store s(settings, sink);
    for (const refusal& r :
         {refused([&] { s.get("o", {}); }), refused([&] {
            s.get("o", {0, 0});
          }),
          refused([&] { s.head("o"); }), refused([&] { put(s, "o", "x"); }),
          refused([&] { put(s, "o", "x", put_mode::create_only); }), refused([&] { put(s, "o", pattern(3'000'000)); }),
          refused([&] { s.erase("o"); }), refused([&] { listed_with_tags(s, ""); })}) {
      CHECK(r.cause == cause);
      CHECK(says(r, words));
    }
  };
  azure settings = at(*server, "not-there");
  settings.block_size = std::uint64_t{1} << 20U;
  all_fail(settings, error_cause::server, "ContainerNotFound");
  settings = fresh(*server, "closed");
  settings.key = larder::secret("aHVudGVyMg==");
  all_fail(settings, error_cause::unauthorized, "");
  settings.key = {};
  settings.bearer_token = "hunter2";
  all_fail(settings, error_cause::unauthorized, "");
}

TEST_CASE("Azurite: a container that is missing is made by the first put, where the settings say so, and holds nothing before") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  for (const std::size_t size : {10'000U, 3'000'000U}) {  // in one request, and in blocks
    azure settings = at(*server, "made-by-" + std::to_string(size));
    settings.block_size = std::uint64_t{1} << 20U;
    settings.create_container = true;
    store s(settings, sink);
    CHECK_FALSE(s.get("o", {}));
    CHECK_FALSE(s.head("o"));
    CHECK_FALSE(s.erase("o"));
    CHECK(listed_with_tags(s, "").empty());
    CHECK(put(s, "o", pattern(size), put_mode::create_only));
    CHECK(get(s, "o") == pattern(size));
    CHECK_FALSE(put(s, "o", "other", put_mode::create_only));
    CHECK(listed_with_tags(s, "") == std::map<std::string, std::uint64_t>{{"o", size}});
  }
}

TEST_CASE("Azurite: a shared access signature permits what it says") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  azure settings = fresh(*server, "signed");
  settings.key = {};
  settings.sas = larder::secret("?" + signature_for("signed", "rcwdl"));
  store s(settings, sink);
  CHECK(put(s, "o", "first", put_mode::create_only));
  CHECK_FALSE(put(s, "o", "second", put_mode::create_only));
  CHECK(put(s, "big", pattern(2'500'000)));
  CHECK(get(s, "big") == pattern(2'500'000));
  CHECK(get(s, "o", {1, 2}) == "ir");
  CHECK(listed_with_tags(s, "").size() == 2);
  CHECK(s.erase("big"));
  settings.sas = larder::secret(signature_for("signed", "r"));
  store reader(settings, sink);
  CHECK(get(reader, "o") == "first");
  CHECK(refused([&] { put(reader, "o", "x"); }).cause == error_cause::unauthorized);
  settings.sas = larder::secret(signature_for("signed", "rcwdl", "2020-01-01T00:00:00Z"));
  store expired(settings, sink);
  CHECK(refused([&] { get(expired, "o"); }).cause == error_cause::unauthorized);
  settings.sas = larder::secret(signature_for("signed", "r") + "x");
  store forged(settings, sink);
  CHECK(refused([&] { get(forged, "o"); }).cause == error_cause::unauthorized);
}

TEST_CASE("Azurite: bearer tokens go over https, fixed ones and those of a credential") {
  const azurite* server = azurite::shared(azurite::kind::tls_with_tokens);
  if (server == nullptr) return;
  azure settings = fresh(*server, "tokens");
  settings.key = {};
  settings.bearer_token = larder::secret(token_until(year_2099));
  store s(settings, sink);
  CHECK(put(s, "o", pattern(2'500'000)));
  CHECK(get(s, "o") == pattern(2'500'000));
  CHECK(listed_with_tags(s, "").size() == 1);
  settings.bearer_token = larder::secret(token_until(1'600'000'000));
  store late(settings, sink);
  CHECK(refused([&] { get(late, "o"); }).cause == error_cause::unauthorized);

  struct source final : larder::remote::token_source {
    larder::secret token() override { return larder::secret(token_until(year_2099)); }
    void reject(const larder::secret&) override {}
  };
  settings.bearer_token = {};
  settings.credential = std::make_shared<source>();
  store t(settings, sink);
  CHECK(get(t, "o") == pattern(2'500'000));
  settings.ca_file.clear();
  store distrustful(settings, sink);
  CHECK(refused([&] { get(distrustful, "o"); }).cause == error_cause::network);
}

TEST_CASE("Azurite: a cache keeps its values there, by a connection string") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  fresh(*server, "values");
  const std::string text = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=" +
                           std::string(larder::remote::azure_emulator::key) + ";BlobEndpoint=" + server->endpoint() + "/;";
  azure settings = azure::from_connection_string(larder::secret(text), "values");
  settings.timeouts = patience;
  auto cache = larder::make_cache<std::string, larder::bytes>(larder::unbounded{}, larder::http_blob{settings});
  const larder::bytes value = larder::bytes::copy_of(pattern(100'000));
  CHECK_FALSE(cache.get("weights"));
  CHECK(cache.put("weights", value));
  CHECK(cache.contains("weights"));
  REQUIRE(cache.get("weights"));
  CHECK(*cache.get("weights") == value);
  CHECK(cache.erase("weights"));
  CHECK_FALSE(cache.get("weights"));
}
