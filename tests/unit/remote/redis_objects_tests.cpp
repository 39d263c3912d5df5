// Objects against a real redis-server, which is started here (else skipped, with a word), and against a scripted one.

#include <larder/remote/redis_memory_check.hpp>
#include <larder/remote/redis_objects.hpp>
#include <larder/testing/storage_conformance.hpp>
#include <support/redis_script.hpp>

#include <algorithm>
#include <array>
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
using larder::remote::redis_client;
using larder::remote::redis_object;
using larder::remote::redis_objects;
using larder::remote::redis_settings;

constexpr std::uint32_t chunk = 4096;
constexpr std::uint64_t largest = 2'000'000;  // bytes of an object
constexpr std::string_view prefix = "p[*]:";  // as a pattern it would not mean itself

/// Objects at an address.
struct objects_of {
  explicit objects_of(larder::remote::redis_address address, std::chrono::milliseconds time_to_live = 0ms,
                      std::chrono::milliseconds lookup_budget = 0ms)
      : client(settings_of(std::move(address), lookup_budget)),
        objects(client, sink, {std::string(prefix), chunk, time_to_live, largest}) {}

  bool put(std::string_view name, std::string_view text, put_mode mode = put_mode::replace,
           larder::duration useful = larder::duration::max()) {
    const bytes whole = bytes::copy_of(text);
    const std::array<bytes, 3> parts{whole.slice(0, whole.size() / 3), bytes{}, whole.slice(whole.size() / 3)};
    return objects.put(name, parts, mode, useful);
  }
  std::optional<std::string> get(std::string_view name, const byte_range& range = {}) {
    return support::get(objects, name, range);
  }
  std::map<std::string, std::uint64_t> list(std::string_view under) { return listed(objects, under); }

  larder::remote_report report() const {
    larder::remote_report out;
    client.add_to(out);
    return out;
  }

  static redis_settings settings_of(larder::remote::redis_address address, std::chrono::milliseconds lookup_budget) {
    redis_settings out;
    out.address = std::move(address);
    out.login.timeouts = patient;
    out.lookup_budget = lookup_budget;
    return out;
  }
  larder::testing::error_log sink;
  redis_client client;
  redis_objects objects;
};

/// Objects of a server's, and what the server itself says of them.
struct objects_at : objects_of {
  explicit objects_at(const redis_server& of, std::chrono::milliseconds time_to_live = 0ms)
      : objects_of(of.address(), time_to_live), server(of) {}

  std::string key(std::string_view name) const { return std::string(prefix) + std::string(name); }
  redis_object head(std::string_view name) const {
    const std::optional<redis_object> found = redis_object::decode(server.ask({"GETRANGE", key(name), "0", "31"}).text);
    REQUIRE(found);
    return *found;
  }
  std::int64_t keys() const { return server.ask({"DBSIZE"}).number; }

  const redis_server& server;
};

}  // namespace

TEST_CASE("an object of at most a chunk lies behind its head, under one key") {
  if (redis_missing()) return;
  const redis_server server;
  objects_at at(server);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{chunk}}) {
    const std::string text = pattern(size);
    CHECK(at.put("a/b", text));
    CHECK(at.keys() == 1);
    CHECK_FALSE(at.head("a/b").in_chunks());
    CHECK(at.get("a/b") == text);
    CHECK(server.ask({"STRLEN", at.key("a/b")}).number == static_cast<std::int64_t>(redis_object::head_size + size));
    const std::optional<blob_info> info = at.objects.head("a/b");
    REQUIRE(info);
    CHECK(info->size == size);
    CHECK(info->etag == at.head("a/b").tag());
  }
  CHECK(at.objects.erase("a/b"));
  CHECK_FALSE(at.objects.erase("a/b"));
  CHECK(at.get("a/b") == std::nullopt);
  CHECK_FALSE(at.objects.head("a/b"));
  CHECK(at.keys() == 0);
}

TEST_CASE("a larger object lies in chunks under its version, which go with it") {
  if (redis_missing()) return;
  const redis_server server;
  objects_at at(server);
  for (const auto& [size, chunks] :
       {std::pair<std::size_t, std::int64_t>{chunk + 1, 2}, {2 * chunk, 2}, {2 * chunk + 1, 3}, {300 * chunk + 7, 301}}) {
    const std::string text = pattern(size, static_cast<std::uint32_t>(size));
    CHECK(at.put("o", text));
    CHECK(at.keys() == 1 + chunks);  // none is left of the one before, also where they are more than go at once
    const redis_object head = at.head("o");
    CHECK(head.chunks() == static_cast<std::uint64_t>(chunks));
    CHECK(server.ask({"GET", head.chunk_key(prefix, "o", 1)}).text == text.substr(chunk, chunk));
    CHECK(at.get("o") == text);
    CHECK(at.objects.head("o")->size == size);
  }
  CHECK(at.put("o", "small"));
  CHECK(at.keys() == 1);
  CHECK(at.put("o", pattern(10'000)));
  CHECK(at.objects.erase("o"));
  CHECK(at.keys() == 0);
  CHECK(at.sink.events().empty());
}

TEST_CASE("a range is what it is of the whole, within a chunk, over the borders of chunks and beyond the end") {
  if (redis_missing()) return;
  const redis_server server;
  objects_at at(server);
  for (const std::size_t size : {std::size_t{100}, std::size_t{chunk}, std::size_t{3 * chunk + 5}}) {
    const std::string text = pattern(size);
    at.put("o", text);
    const std::vector<std::uint64_t> places{
        0, 1, 99, 100, chunk - 1, chunk, chunk + 1, 2 * chunk - 1, 2 * chunk, 3 * chunk, 3 * chunk + 4, 3 * chunk + 5, 5 * chunk};
    for (const std::uint64_t from : places)
      for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{chunk},
                                    std::uint64_t{chunk + 2}, std::uint64_t{2 * chunk}, ~std::uint64_t{0} - from}) {
        CAPTURE(size);
        CAPTURE(from);
        CAPTURE(n);
        const std::string expected =
            from < size ? text.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(std::min<std::uint64_t>(n, size)))
                        : "";
        CHECK((at.get("o", {from, n}) == expected));
      }
  }
  CHECK(at.get("none", {0, 10}) == std::nullopt);
  CHECK(at.get("none", {5, 10}) == std::nullopt);
  CHECK(at.get("none", {5, 0}) == std::nullopt);
}

TEST_CASE("an object that lost a chunk serves what it has, is absent once the lost one is asked for, and is cleared away then") {
  if (redis_missing()) return;
  const redis_server server;
  objects_at at(server);
  const std::string text = pattern(3 * chunk);
  for (const byte_range range : {byte_range{}, byte_range{chunk + 1, 1}, byte_range{chunk - 1, 2}, byte_range{0, 3 * chunk}}) {
    CAPTURE(range.offset);
    at.put("o", text);
    at.put("other", text);
    CHECK(server.ask({"DEL", at.head("o").chunk_key(prefix, "o", 1)}).number == 1);
    CHECK(at.get("o", {0, chunk}) == text.substr(0, chunk));
    CHECK(at.get("o", {2 * chunk, 10}) == text.substr(2 * chunk, 10));
    CHECK(at.get("o", range) == std::nullopt);
    CHECK(at.keys() == 4);  // the other's
    CHECK_FALSE(at.objects.head("o"));
    CHECK(at.get("other") == text);
  }
  // What lies beyond the list of chunks in which one was lost is not asked for.
  at.put("o", pattern(300 * chunk));
  CHECK(server.ask({"DEL", at.head("o").chunk_key(prefix, "o", 1)}).number == 1);
  const std::uint64_t before = at.report().requests;
  CHECK(at.get("o") == std::nullopt);
  CHECK(at.report().requests - before == 6);  // the head, a list, the head again; then the head goes, and the chunks in two lists
  // A chunk that others shortened is no chunk.
  at.put("o", text);
  server.ask({"SET", at.head("o").chunk_key(prefix, "o", 1), "short"});
  CHECK(cause_of([&] { at.get("o"); }) == error_cause::corruption);
}

TEST_CASE("of many that create one object one does, and the others leave nothing") {
  if (redis_missing()) return;
  const redis_server server;
  for (const std::size_t size : {std::size_t{100}, std::size_t{2 * chunk + 1}}) {
    CAPTURE(size);
    objects_at at(server);
    for (std::uint32_t round = 0; round < 5; ++round) {
      std::atomic<int> made{0};
      std::atomic<std::uint32_t> winner{0};
      std::vector<std::thread> threads;
      for (std::uint32_t t = 0; t < 6; ++t)
        threads.emplace_back([&, t] {
          if (!at.put("o", pattern(size, t + 1), put_mode::create_only)) return;
          ++made;
          winner = t + 1;
        });
      for (std::thread& each : threads) each.join();
      CHECK(made == 1);
      CHECK(at.get("o") == pattern(size, winner));
      CHECK(at.keys() == (size > chunk ? 4 : 1));
      CHECK_FALSE(at.put("o", pattern(size, 99), put_mode::create_only));
      CHECK(at.get("o") == pattern(size, winner));
      CHECK(at.objects.erase("o"));
      CHECK(at.keys() == 0);
    }
    CHECK(at.sink.events().empty());
  }
}

TEST_CASE("a listing tells the objects under a prefix, each once, and nothing that is none") {
  if (redis_missing()) return;
  const redis_server server;
  objects_at at(server);
  std::map<std::string, std::uint64_t> expected;
  for (std::uint64_t i = 0; i < 1500; ++i) {  // more than a page
    const std::string name = "a/" + std::to_string(i);
    at.put(name, std::string(i % 7, 'x'));
    expected[name] = i % 7;
  }
  at.put("a/large", pattern(2 * chunk));  // its chunks are no objects
  expected["a/large"] = 2 * chunk;
  at.put("ab", "x");
  for (const char* const foreign : {"p[*]:a/foreign", "p[*]:A", "p*:a/1", "a/1"}) server.ask({"SET", foreign, "not ours"});
  server.ask({"RPUSH", "p[*]:a/list", "x"});
  CHECK(at.list("a/") == expected);
  CHECK(at.list("a/large").size() == 1);
  CHECK(at.list("b").empty());
  expected["ab"] = 1;
  CHECK(at.list("") == expected);
}

TEST_CASE("a key that the server names twice, in a page or in two, is told once") {
  const redis_object::head_type head = redis_object::make(7, chunk).encode();
  redis_script server([&](redis_script::peer& peer) {
    for (std::vector<std::string> words = peer.command(); !words.empty(); words = peer.command()) {
      if (words[0] == "SCAN")
        peer.say(std::string("*2\r\n$1\r\n") + (words[1] == "0" ? "5" : "0") + "\r\n*2\r\n$6\r\np[*]:a\r\n$6\r\np[*]:a\r\n");
      else if (words[0] == "GETRANGE")
        peer.say("$32\r\n" + std::string(reinterpret_cast<const char*>(head.data()), head.size()) + "\r\n");
      else
        peer.say("-ERR This instance has cluster support disabled\r\n");
    }
  });
  objects_of at({"127.0.0.1", server.port(), {}});
  std::vector<std::string> told;
  at.objects.list("", [&](std::string_view name, const blob_info& info) {
    told.push_back(std::string(name) + ':' + std::to_string(info.size));
  });
  CHECK(told == std::vector<std::string>{"a:7"});
  at.objects.list("b", [&](std::string_view, const blob_info&) { FAIL("what was not asked for is told"); });
}

TEST_CASE("what others left under a key is corrupt, and gives way to a put") {
  if (redis_missing()) return;
  const redis_server server;
  objects_at at(server);
  server.ask({"SET", at.key("o"), "nothing of larder's, though it is longer than a head"});
  CHECK(cause_of([&] { at.get("o"); }) == error_cause::corruption);
  CHECK(cause_of([&] { at.objects.head("o"); }) == error_cause::corruption);
  CHECK(cause_of([&] { at.get("o", {10, 1}); }) == error_cause::corruption);
  CHECK_FALSE(at.put("o", "mine", put_mode::create_only));
  CHECK(at.put("o", "mine"));
  CHECK(at.get("o") == "mine");
}

TEST_CASE(
    "an object goes when it is of no more use, or after the time that all have, whichever is sooner, and so do its chunks") {
  if (redis_missing()) return;
  const redis_server server;
  const auto left = [&](const std::string& key) { return std::chrono::milliseconds(server.ask({"PTTL", key}).number); };
  objects_at ever(server);
  ever.put("ever", "x");
  CHECK(left(ever.key("ever")) == -1ms);
  ever.put("useful", pattern(2 * chunk), put_mode::replace, 1h);
  for (const std::string& key : {ever.key("useful"), ever.head("useful").chunk_key(prefix, "useful", 1)}) {
    CHECK(left(key) > 30min);
    CHECK(left(key) <= 1h);
  }
  objects_at day(server, 24h);
  day.put("day", "x", put_mode::create_only);
  CHECK(left(day.key("day")) > 12h);
  CHECK(left(day.key("day")) <= 24h);
  day.put("hour", "x", put_mode::create_only, 1h);
  CHECK(left(day.key("hour")) > 30min);
  CHECK(left(day.key("hour")) <= 1h);
  day.put("week", "x", put_mode::replace, 24h * 7);
  CHECK(left(day.key("week")) <= 24h);
}

TEST_CASE("each request of a look-up has the look-up's time, also the one for the chunks") {
  const redis_object object = redis_object::make(3 * chunk, chunk);
  const redis_object::head_type head = object.encode();
  redis_script server([&](redis_script::peer& peer) {
    if (peer.command().empty()) return;
    peer.say("$32\r\n" + std::string(reinterpret_cast<const char*>(head.data()), head.size()) + "\r\n");
    peer.linger_on();  // not a word about the chunks
  });
  objects_of at({"127.0.0.1", server.port(), {}}, 0ms, 2s);
  CHECK(cause_of([&] { at.get("a"); }) == error_cause::timeout);
  CHECK(at.report().requests == 2);
  CHECK(at.report().lookups_over_budget == 1);
}

TEST_CASE("an object beyond the largest is neither sent nor taken, and a name that is none is not asked for") {
  if (redis_missing()) return;
  const redis_server server;
  objects_at at(server);
  CHECK(cause_of([&] { at.put("o", std::string(largest + 1, 'x')); }) == error_cause::invalid_argument);
  CHECK(at.keys() == 0);
  redis_objects larger(at.client, at.sink, {std::string(prefix), chunk, 0ms, 2 * largest});
  const bytes whole = bytes::copy_of(std::string(largest + 100, 'x'));
  CHECK(larger.put("o", {&whole, 1}, put_mode::replace, larder::duration::max()));
  CHECK(cause_of([&] { at.get("o"); }) == error_cause::server);
  CHECK(at.get("o", {largest, 5}) == "xxxxx");
  for (const char* const name : {"", "../x", "A", "a b", "a*"}) {
    CHECK(cause_of([&] { at.get(name); }) == error_cause::invalid_argument);
    CHECK(cause_of([&] { at.put(name, "x"); }) == error_cause::invalid_argument);
    CHECK(cause_of([&] { at.objects.erase(name); }) == error_cause::invalid_argument);
  }
}

TEST_CASE("a server that will be full one day and evicts nothing is told of, once, before the first put") {
  if (redis_missing()) return;
  const redis_server server({"--maxmemory", "100mb", "--maxmemory-policy", "noeviction"});
  objects_at at(server);
  CHECK(at.get("o") == std::nullopt);
  CHECK(at.sink.events().empty());
  CHECK(at.put("o", "x"));
  CHECK(at.put("o", "y"));
  REQUIRE(at.sink.events().size() == 1);
  CHECK(at.sink.events()[0].cause == error_cause::no_space);
  CHECK(at.sink.events()[0].message.find("allkeys-lru") != std::string::npos);
}
