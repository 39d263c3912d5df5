// redis against a real redis-server, which is started here. Skipped, with a word, where it is not installed.

#include <larder/cache.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/storage/redis.hpp>
#include <larder/testing/storage_conformance.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/blob_objects.hpp"
#include "support/eventually.hpp"
#include "support/patient_timeouts.hpp"
#include "support/pattern.hpp"
#include "support/redis_missing.hpp"
#include "support/redis_server.hpp"
#include "support/refusal.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::blob_info;
using larder::byte_range;
using larder::bytes;
using larder::error_cause;
using larder::put_mode;
using larder::remote::redis_reply;
using store = larder::redis::store;

static_assert(larder::blob_store<store>);
static_assert(larder::storage_policy<larder::redis>);

constexpr std::uint64_t chunk = 4096;

/// Counts what is reported; from many threads.
struct counting_sink final : larder::error_sink {
  void report(error_cause cause, const std::string& message) noexcept override {
    const std::lock_guard guard(mutex);
    ++of[cause];
    last = message;
  }
  std::mutex mutex;
  std::map<error_cause, int> of;
  std::string last;
};

larder::redis at(const redis_server& server, std::uint64_t chunk_size = chunk) {
  return {
      .unix_socket = server.socket_file(), .chunk_size = chunk_size, .timeouts = patient, .lookup_budget = patient.first_byte};
}

std::size_t keys(const redis_server& server) { return static_cast<std::size_t>(server.ask({"DBSIZE"}).number); }
std::vector<std::string> all_keys(const redis_server& server) {
  std::vector<std::string> out;
  for (const redis_reply& each : server.ask({"KEYS", "*"}).elements) out.push_back(each.text);
  std::sort(out.begin(), out.end());
  return out;
}

TEST_CASE("redis keeps the contract of a blob store, with chunks of any size") {
  if (redis_missing()) return;
  const redis_server server;
  for (const std::uint64_t size : {std::uint64_t{4096}, std::uint64_t{1} << 20U, std::uint64_t{4} << 20U}) {
    larder::testing::error_log log;
    store s(at(server, size), log);
    const auto result = larder::testing::check_blob_store(s);
    CHECK_MESSAGE(result.passed(), result.text());
    CHECK(log.events().empty());
    CHECK(keys(server) == 0);
  }
}

TEST_CASE("settings that cannot work are refused with a sentence that never holds the password") {
  counting_sink sink;
  const larder::secret password("hunter2");
  const auto outcome = [&](const larder::redis& settings) { return refusal_of([&] { store s(settings, sink); }, {"hunter2"}); };
  const auto refused = [&](const larder::redis& settings, std::string_view words) {
    const refusal said = outcome(settings);
    CHECK(said.cause == error_cause::invalid_argument);
    return says(said, words);
  };
  CHECK(refused({.url = "redis://h", .host = "h"}, "redis: url, host and unix_socket exclude each other"));
  CHECK(refused({.url = "redis://h", .unix_socket = "/s"}, "redis: url, host and unix_socket exclude each other"));
  CHECK(refused({.host = "h", .unix_socket = "/s"}, "redis: url, host and unix_socket exclude each other"));
  CHECK(refused({.url = "redis://u@h", .user = "v", .password = password, .allow_unencrypted_credentials = true},
                "redis: the url and user both name a user"));
  CHECK(refused({.url = "redis://h/1", .database = 2}, "redis: the url and database both name a database"));
  CHECK(refused({.url = "redis://u:hunter2@h"}, "redis url: "));
  CHECK(refused({.user = "u"}, "redis: a user without a password"));
  CHECK(refused({.url = "redis://u@h"}, "redis: a user without a password"));
  CHECK(refused({.host = "h:1 x"}, "redis: host is not the name or number of a machine"));
  CHECK(refused({.port = 0}, "redis: port is 0"));
  for (const std::size_t size : {std::size_t{0}, std::size_t{201}})
    CHECK(refused({.key_prefix = std::string(size, 'x')}, "redis: key_prefix has 1 to 200 characters"));
  for (const char* const prefix : {"a{b}", "a{", "}", "a b", "a\n", "a\x7f", "\xc3\xa9:"})
    CHECK(refused({.key_prefix = prefix}, "redis: key_prefix holds a brace, a space or a foreign character"));
  CHECK(refused({.chunk_size = 4095}, "redis: chunk_size is 4095"));
  CHECK(refused({.chunk_size = (std::uint64_t{4} << 20U) + 1}, "redis: chunk_size is 4194305"));
  CHECK(refused({.time_to_live = -1ms}, "redis: time_to_live is negative"));
  CHECK(refused({.lookup_budget = -1ms}, "redis: lookup_budget is negative"));
  CHECK(refused({.breaker = {.failures = 0}}, "circuit_breaker: "));
  for (const unsigned connections : {0U, 10'001U})
    CHECK(refused({.connections = connections}, "redis: connections is " + std::to_string(connections)));
  for (const std::chrono::milliseconds lease : {-1ms, 1ms, 99ms})
    CHECK(refused({.load_lease = lease}, "redis: load_lease is " + std::to_string(lease.count()) + " ms"));
  CHECK(refused({.host = "10.0.0.1", .password = password}, "unencrypted"));
  CHECK(refused({.url = "redis://10.0.0.1", .password = password}, "unencrypted"));
  const std::vector<larder::redis> fine{
      {},
      {.host = "10.0.0.1", .password = password, .allow_unencrypted_credentials = true},
      {.host = "localhost", .password = password},
      {.unix_socket = "/s", .password = password},
      {.key_prefix = std::string(200, 'x'), .chunk_size = 4096, .lookup_budget = 0ms, .connections = 10'000, .load_lease = 0ms},
      {.chunk_size = std::uint64_t{4} << 20U, .connections = 1, .load_lease = 100ms},
  };
  for (const larder::redis& each : fine) CHECK(outcome(each).message == "");
}

TEST_CASE("every range of an object is what it is of the whole, whole or in chunks") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  store s(at(server), sink);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4095}, std::size_t{4096}, std::size_t{4097},
                                 std::size_t{8192}, std::size_t{20'000}}) {
    const std::string text = pattern(size);
    put(s, "a/b", text);
    for (const std::uint64_t offset :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4095}, std::uint64_t{4096}, std::uint64_t{8191},
          std::uint64_t{19'999}, std::uint64_t{20'000}, std::uint64_t{1} << 40U, ~std::uint64_t{0}})
      for (const std::uint64_t n :
           {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4096}, std::uint64_t{5000}, ~std::uint64_t{0}}) {
        const auto expected =
            offset >= size ? std::string{} : text.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(n));
        CHECK(get(s, "a/b", {offset, n}) == expected);
      }
  }
  CHECK(!get(s, "nothing", {5, 10}));
  CHECK(!get(s, "nothing", {0, 10}));
  CHECK(sink.of.empty());
}

TEST_CASE("a replaced object leaves nothing behind, whichever of the two was in chunks") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  store s(at(server), sink);
  for (const auto& [size, expected] :
       {std::pair<std::size_t, std::size_t>{10'000, 4}, {20'000, 6}, {100, 1}, {5000, 3}, {5000, 3}, {0, 1}}) {
    CHECK(put(s, "k", pattern(size)));
    CHECK(keys(server) == expected);
    CHECK(get(s, "k") == pattern(size));
  }
  CHECK(!put(s, "k", pattern(9000), put_mode::create_only));
  CHECK(keys(server) == 1);
  put(s, "k", pattern(9000));
  CHECK(!put(s, "k", pattern(10), put_mode::create_only));
  CHECK(s.erase("k"));
  CHECK(keys(server) == 0);
}

TEST_CASE("an object that lost a chunk or its head is absent, and its rest is cleared away") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  store s(at(server), sink);
  put(s, "k", pattern(20'000));
  const std::vector<std::string> there = all_keys(server);
  REQUIRE(there.size() == 6);
  const auto lost = *std::find_if(there.begin(), there.end(), [](const std::string& key) { return key.ends_with("/3"); });
  server.ask({"DEL", lost});
  CHECK(get(s, "k", {0, 100}) == pattern(20'000).substr(0, 100));  // needs none of what is gone
  CHECK(!get(s, "k", {12'288, 10}));
  CHECK(keys(server) == 0);
  CHECK(!s.head("k"));
  put(s, "k", pattern(20'000));
  server.ask({"DEL", "larder:k"});
  CHECK(!get(s, "k"));
  CHECK(sink.of.empty());
}

TEST_CASE("what others left under a key is an error, not a value, and a put takes its place") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  store s(at(server), sink);
  const auto cause = [&](byte_range range = {}) { return cause_of([&] { s.get("k", range); }); };
  for (const std::string_view foreign : {"hello", "a longer text that could be a head, but is not one", "lrd1\0\0\0\0"}) {
    server.ask({"SET", "larder:k", foreign});
    CHECK(cause() == error_cause::corruption);
    CHECK(cause({0, 4}) == error_cause::corruption);
    CHECK(cause({1, 4}) == error_cause::corruption);
    CHECK_THROWS_AS(s.head("k"), larder::error);
  }
  server.ask({"DEL", "larder:k"});
  server.ask({"RPUSH", "larder:k", "x"});
  CHECK(cause() == error_cause::corruption);
  s.list("", [](std::string_view, const blob_info&) { FAIL("a foreign key is listed"); });
  CHECK(put(s, "k", "mine"));
  CHECK(get(s, "k") == "mine");
  // A head that was cut, and a chunk of another size.
  server.ask({"SETRANGE", "larder:k", "40", "yy"});
  CHECK(cause() == error_cause::corruption);
  put(s, "k", pattern(9000));
  for (const std::string& key : all_keys(server))
    if (key.ends_with("/1")) server.ask({"SET", key, "short"});
  CHECK(cause() == error_cause::corruption);
  CHECK(s.erase("k"));
}

TEST_CASE("a listing names each object once, under its prefix only, however many there are") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  store s(at(server), sink);
  larder::redis neighbour_settings = at(server);
  neighbour_settings.key_prefix = "larder*";
  store neighbour(neighbour_settings, sink);
  put(neighbour, "a/1", "other");
  std::map<std::string, std::uint64_t> expected;
  for (unsigned i = 0; i < 3000; ++i) {
    const std::string name = "a/" + std::to_string(i);
    expected[name] = i % 100 == 0 ? 5000 : i % 7;
    put(s, name, pattern(static_cast<std::size_t>(expected[name])));
  }
  put(s, "ab", "x");
  std::map<std::string, std::uint64_t> listed;
  s.list("a/", [&](std::string_view name, const blob_info& info) {
    CHECK(listed.emplace(std::string(name), info.size).second);
    CHECK(!info.etag.empty());
  });
  CHECK(listed == expected);
  std::size_t others = 0;
  neighbour.list("", [&](std::string_view name, const blob_info&) {
    CHECK(name == "a/1");
    ++others;
  });
  CHECK(others == 1);
}

TEST_CASE("entries carry the shorter of the cache's and their own time to live") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  larder::redis settings = at(server);
  const auto left = [&](std::string_view key) { return server.ask({"PTTL", key}).number; };
  const bytes small = bytes::copy_of("x");
  store forever(settings, sink);
  put(forever, "k", "x");
  CHECK(left("larder:k") == -1);
  forever.put("k", {&small, 1}, put_mode::replace, std::chrono::hours(1));
  CHECK(left("larder:k") > 3'000'000);
  put(forever, "k", "x");
  CHECK(left("larder:k") == -1);
  settings.time_to_live = std::chrono::hours(10);
  store hours(settings, sink);
  hours.put("k", {&small, 1}, put_mode::replace, std::chrono::hours(1));
  CHECK(left("larder:k") <= 3'600'000);
  put(hours, "k2", pattern(9000), put_mode::create_only);
  for (const std::string& key : all_keys(server))
    if (key != "larder:k") CHECK(left(key) > 30'000'000);
  hours.put("k", {&small, 1}, put_mode::replace, std::chrono::nanoseconds(-5));
  CHECK(support::eventually([&] { return !get(hours, "k"); }));
}

TEST_CASE("a server that is full is told apart from a failure, and evictions are misses") {
  if (redis_missing()) return;
  {
    const redis_server server({"--maxmemory", "8mb", "--maxmemory-policy", "noeviction"});
    counting_sink sink;
    store s(at(server, 65536), sink);
    put(s, "first", "x");
    CHECK(sink.of[error_cause::no_space] == 1);
    CHECK(sink.last.find("maxmemory-policy") != std::string::npos);
    std::optional<larder::error> full;
    for (int i = 0; i < 200 && !full; ++i) try {
        put(s, "k" + std::to_string(i), pattern(200'000));
      } catch (const larder::error& failure) {
        full = failure;
      }
    REQUIRE(full);
    CHECK(full->cause() == error_cause::no_space);
    CHECK(std::string(full->what()).find("allkeys-lru") != std::string::npos);
    CHECK(get(s, "k0") == pattern(200'000));
    CHECK(s.erase("k0"));
    CHECK(sink.of[error_cause::no_space] == 1);  // the warning comes once
    std::size_t objects = 0;
    s.list("", [&](std::string_view, const blob_info&) { ++objects; });
    CHECK(keys(server) == 1 + (objects - 1) * 5);  // the one that failed left no chunks
  }
  {
    const redis_server server({"--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru"});
    counting_sink sink;
    store s(at(server, 65536), sink);
    int found = 0;
    int absent = 0;
    for (unsigned i = 0; i < 300; ++i) {
      put(s, "k" + std::to_string(i), pattern(200'000 + i, i));
      for (const unsigned j : {i, i / 2, i / 3}) {
        const auto got = get(s, "k" + std::to_string(j));
        if (got) CHECK(*got == pattern(200'000 + j, j));
        ++(got ? found : absent);
      }
    }
    CHECK(found > 0);
    CHECK(absent > 0);
    CHECK(sink.of.empty());
  }
}

TEST_CASE("a password, a user, a database and a replica are what the settings say") {
  if (redis_missing()) return;
  redis_server::tcp server({"--requirepass", "hunter2"});
  larder::remote::redis_login login;
  login.password = larder::secret("hunter2");
  server.ask({"ACL", "SETUSER", "cache", "on", ">hunter3", "~larder:*", "+@all"}, login);
  server.ask({"ACL", "SETUSER", "reader", "on", ">hunter4", "~larder:*", "+@read", "+select"}, login);
  counting_sink sink;
  larder::redis settings{
      .host = "127.0.0.1", .port = server.port(), .chunk_size = chunk, .timeouts = patient, .lookup_budget = patient.first_byte};
  const auto cause = [&](const larder::redis& with) {
    try {
      store s(with, sink);
      put(s, "k", pattern(9000));
      return get(s, "k") == pattern(9000) ? error_cause::listener : error_cause::corruption;
    } catch (const larder::error& failure) {
      CHECK(std::string(failure.what()).find("hunter") == std::string::npos);
      return failure.cause();
    }
  };
  CHECK(cause(settings) == error_cause::unauthorized);
  settings.password = larder::secret("hunter1");
  CHECK(cause(settings) == error_cause::unauthorized);
  settings.password = larder::secret("hunter2");
  CHECK(cause(settings) == error_cause::listener);
  settings.user = "cache";
  settings.password = larder::secret("hunter3");
  CHECK(cause(settings) == error_cause::listener);  // chunks, too, lie under the prefix that the user may use
  settings.database = 5;
  CHECK(cause(settings) == error_cause::listener);
  settings.database = 500;
  CHECK(cause(settings) == error_cause::invalid_argument);
  settings.database = 0;
  settings.user = "reader";
  settings.password = larder::secret("hunter4");
  CHECK(cause(settings) == error_cause::unauthorized);
  server.ask({"REPLICAOF", "127.0.0.1", "1"}, login);
  settings.user = "cache";
  settings.password = larder::secret("hunter3");
  CHECK(cause(settings) == error_cause::server);
}

TEST_CASE("a server that dies and comes back is failures in between, counted, and works again") {
  if (redis_missing()) return;
  redis_server server;
  std::mutex mutex;
  std::map<error_cause, int> told;
  auto cache = larder::make_cache<std::string, bytes>(larder::unbounded{}, at(server),
                                                      larder::error_listener{[&](const larder::error_event& event) {
                                                        const std::lock_guard guard(mutex);
                                                        ++told[event.cause];
                                                      }});
  const bytes value = bytes::copy_of(pattern(20'000));
  CHECK(cache.put("a", value));
  CHECK(cache.get("a") == value);
  server.kill();
  CHECK(!cache.get("a"));
  CHECK(!cache.put("b", value));
  CHECK(!cache.contains("a"));
  CHECK(cache.stats().errors[error_cause::network] == 3);
  CHECK(told[error_cause::network] == 3);
  REQUIRE(cache.stats().remote);
  CHECK(cache.stats().remote->requests >= 8);  // asked while it is dead, too
  server.start();
  CHECK(!cache.get("a"));
  CHECK(cache.put("a", value));
  CHECK(cache.get("a") == value);
  CHECK(cache.stats().errors[error_cause::network] == 3);
}

TEST_CASE("the report counts exchanges with the server, and bytes of objects whole and in part") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  store s(at(server), sink);
  const auto cost = [&](auto&& f) {
    const larder::remote_report before = s.report();
    f();
    const larder::remote_report of = s.report().since(before);
    return std::array{of.requests, of.bytes_sent, of.bytes_received};
  };
  using figures = std::array<std::uint64_t, 3>;
  put(s, "a", "x");  // the first put asks how the server evicts
  CHECK(cost([&] { put(s, "small", pattern(100)); }) == figures{1, 100, 0});
  CHECK(cost([&] { put(s, "small", pattern(70), put_mode::create_only); }) == figures{1, 70, 0});  // it went all the same
  CHECK(cost([&] { get(s, "small", {90, 20}); }) == figures{1, 0, 10});
  CHECK(cost([&] { put(s, "large", pattern(2 * chunk + 5)); }) == figures{2, 2 * chunk + 5, 0});
  CHECK(cost([&] { get(s, "large", {chunk - 10, 30}); }) == figures{2, 0, 30});
  CHECK(cost([&] { s.head("large"); }) == figures{1, 0, 0});
}

TEST_CASE("a server that is stopped is a timeout, and serves again when it goes on") {
  if (redis_missing()) return;
  redis_server server;
  larder::redis settings = at(server);
  settings.timeouts.first_byte = 200ms;
  auto cache = larder::make_cache<std::string, std::string>(larder::unbounded{}, settings);
  CHECK(cache.put("a", "x"));
  server.suspend();
  CHECK(!cache.get("a"));
  CHECK(cache.stats().errors[error_cause::timeout] == 1);
  server.go_on();
  CHECK(support::eventually([&] { return cache.get("a") == "x"; }));
}

TEST_CASE("a server that stays stopped is left alone after some look-ups, and nothing is taken for absent") {
  if (redis_missing()) return;
  redis_server server;
  counting_sink sink;
  larder::redis settings = at(server);
  store before_that(settings, sink);
  put(before_that, "a", "x");
  settings.timeouts.first_byte = 100ms;
  settings.breaker = {.failures = 2, .pause = 1h, .longest_pause = 1h};
  store s(settings, sink);
  const auto refused = [&](auto&& f) { return says(refusal_of(f), "was not sent: the server failed lately"); };
  server.suspend();
  CHECK(says(refusal_of([&] { s.get("a"); }), "no answer began within 100 ms"));
  CHECK(says(refusal_of([&] { s.head("a"); }), "no answer began within 100 ms"));
  const larder::remote_report before = s.report();
  CHECK(before.state == larder::remote_state::degraded);
  CHECK(before.breaker_openings == 1);
  CHECK(refused([&] { return s.get("a"); }));
  CHECK(refused([&] { return s.get("nothing"); }));
  CHECK(refused([&] { return s.get("a", byte_range{0, 1}); }));
  CHECK(refused([&] { return s.head("nothing"); }));
  CHECK(refused([&] { return s.erase("a"); }));
  CHECK(refused([&] { return put(s, "b", "x"); }));
  CHECK(refused([&] { return put(s, "b", pattern(3 * chunk), put_mode::create_only); }));
  CHECK(refused([&] {
    s.list("", [](std::string_view, const blob_info&) {});
    return true;
  }));
  CHECK(s.report().since(before).requests == 0);
  CHECK(s.report().since(before).refused_by_breaker == 9);  // the first put would have asked how the server evicts
  CHECK(sink.of.empty());
  server.go_on();
}

TEST_CASE("a server that was left alone is asked again after a pause, and its values are there") {
  if (redis_missing()) return;
  redis_server server;
  larder::redis settings = at(server);
  settings.breaker = {.failures = 1, .pause = 1ms, .longest_pause = 2ms};
  auto cache = larder::make_cache<std::string, std::string>(larder::unbounded{}, settings);
  CHECK(cache.put("a", "x"));
  server.kill();
  std::uint64_t failed = 0;
  while (failed < 3 || (cache.stats().remote->refused_by_breaker == 0 && failed < 100'000)) {
    CHECK_FALSE(cache.get("a"));
    ++failed;
  }
  CHECK(cache.stats().errors[error_cause::network] == failed);  // each one is said, none is a plain miss
  CHECK(cache.stats().remote->refused_by_breaker > 0);
  server.start();
  CHECK(support::eventually([&] { return cache.put("a", "y"); }));
  CHECK(cache.get("a") == "y");
  CHECK(cache.stats().remote->state == larder::remote_state::healthy);
  CHECK(cache.stats().remote->degraded_time.count() > 0);
}

TEST_CASE("a look-up has its budget whatever the time limits say, and settings of calm that make no sense are refused") {
  if (redis_missing()) return;
  redis_server server;
  counting_sink sink;
  larder::redis settings = at(server);
  settings.lookup_budget = 100ms;
  store s(settings, sink);
  CHECK(put(s, "a", "x"));
  server.suspend();
  for (const bool whole : {true, false}) {
    const refusal late = refusal_of([&] {
      if (whole)
        s.get("a");
      else
        s.head("a");
    });
    CHECK(late.cause == error_cause::timeout);
    CHECK(says(late, "within the time that the look-up had"));
  }
  CHECK(s.report().lookups_over_budget == 2);
  server.go_on();
  settings.lookup_budget = -1ms;
  CHECK_THROWS_AS(store(settings, sink), larder::error);
  CHECK_THROWS_AS(store(larder::redis{.breaker = {.failures = 0}}, sink), larder::error);
}

TEST_CASE("sixteen threads that put, get, erase and list meet whole values only") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  larder::redis settings = at(server);
  settings.connections = 6;
  store s(settings, sink);
  constexpr unsigned names = 8;
  std::atomic<int> wrong{0};
  std::atomic<int> hits{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 16; ++t)
    threads.emplace_back([&, t] {
      std::uint32_t random = t * 7919 + 1;
      for (int i = 0; i < 60; ++i) {
        random = random * 1664525U + 1013904223U;
        const unsigned name = (random >> 8U) % names;
        const std::string key = "k" + std::to_string(name);
        const unsigned seed = (random >> 16U) % 5;
        try {
          switch ((random >> 24U) % 6) {
            case 0:
            case 1:
              put(s, key, std::to_string(seed) + pattern(seed * 5000, seed));
              break;
            case 2:
              put(s, key, std::to_string(seed) + pattern(seed * 5000, seed), put_mode::create_only);
              break;
            case 3:
              s.erase(key);
              break;
            default:
              if (const auto got = get(s, key)) {
                ++hits;
                const unsigned its = static_cast<unsigned>(got->front() - '0');
                if (got->substr(1) != pattern(its * 5000, its)) ++wrong;
              }
          }
        } catch (const larder::error&) {
          ++wrong;
        }
      }
    });
  for (std::thread& each : threads) each.join();
  CHECK(wrong == 0);
  CHECK(hits > 0);
  CHECK(sink.of.empty());
  // What is left is whole: nothing but heads and the chunks that they name.
  std::size_t expected = 0;
  s.list("", [&](std::string_view, const blob_info& info) {
    expected += info.size > chunk ? 1 + (info.size + chunk - 1) / chunk : 1;
  });
  CHECK(keys(server) == expected);
  CHECK(server.ask({"INFO", "clients"}).text.find("connected_clients:") != std::string::npos);
}

TEST_CASE("two stores that race for one name leave one complete object") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  store a(at(server), sink);
  store b(at(server), sink);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> created{0};
    const put_mode mode = round % 2 == 0 ? put_mode::replace : put_mode::create_only;
    std::thread one([&] { created += put(a, "k", pattern(20'000, 1), mode) ? 1 : 0; });
    std::thread other([&] { created += put(b, "k", pattern(20'000, 2), mode) ? 1 : 0; });
    one.join();
    other.join();
    CHECK(created == (mode == put_mode::replace ? 2 : 1));
    const auto got = get(a, "k");
    CHECK((got == pattern(20'000, 1) || got == pattern(20'000, 2)));
    CHECK(keys(server) == 6);
    a.erase("k");
    CHECK(keys(server) == 0);
  }
}

TEST_CASE("a cache on redis loads once, lists, expires by its own clock and shares with another cache") {
  if (redis_missing()) return;
  const redis_server server;
  larder::manual_clock now;
  auto cache =
      larder::make_cache<std::string, std::string>(larder::unbounded{}, at(server), larder::ttl{}, larder::time_source{now});
  auto other =
      larder::make_cache<std::string, std::string>(larder::unbounded{}, at(server), larder::ttl{}, larder::time_source{now});
  const std::string large = pattern(50'000);
  CHECK(cache.get_or_load("a", [&](const std::string&) { return large; }) == large);
  CHECK(other.get_or_load("a", [&](const std::string&) -> std::string { throw std::runtime_error("loaded twice"); }) == large);
  CHECK(cache.put("b", "x", std::chrono::hours(1)));
  CHECK(other.get("b") == "x");
  now.advance(std::chrono::hours(2));
  CHECK(!other.get("b"));
  std::set<std::string> listed;
  cache.for_each([&](const std::string& key, std::uint64_t, larder::duration) { listed.insert(key); });
  CHECK(listed == std::set<std::string>{"a"});
  CHECK(cache.erase_prefix("a") == 1);
  CHECK(cache.put("c", large));
  cache.clear();
  CHECK(keys(server) == 0);
}

TEST_CASE("a child of fork has connections of its own, and the parent's go on") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  store s(at(server), sink);
  put(s, "parent", pattern(9000));
  const pid_t child = ::fork();
  if (child == 0) {
    bool right = false;
    try {
      right = get(s, "parent") == pattern(9000) && put(s, "child", pattern(9000, 2));
    } catch (...) {
    }
    ::_exit(right ? 0 : 1);
  }
  for (int i = 0; i < 20; ++i) CHECK(get(s, "parent") == pattern(9000));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(get(s, "child") == pattern(9000, 2));
}

TEST_CASE("names that no cache makes and objects that are too large never reach the server") {
  if (redis_missing()) return;
  const redis_server server;
  counting_sink sink;
  larder::redis settings = at(server);
  settings.max_object = 10'000;
  store s(settings, sink);
  for (const std::string_view name : {"", "..", "a/../b", "a b", "A", "a\r\nb", "a{b}", "a#1/0", "/a"}) {
    CHECK_THROWS_AS(s.get(name), larder::error);
    CHECK_THROWS_AS(put(s, name, "x"), larder::error);
    CHECK_THROWS_AS(s.erase(name), larder::error);
  }
  CHECK_THROWS_AS(put(s, "k", pattern(10'001)), larder::error);
  CHECK(keys(server) == 0);
  store larger(at(server), sink);
  put(larger, "k", pattern(10'001));
  CHECK_THROWS_WITH_AS(s.get("k"), doctest::Contains("max_object"), larder::error);
  CHECK(get(s, "k", {5000, 1000}) == pattern(10'001).substr(5000, 1000));
}

}  // namespace
