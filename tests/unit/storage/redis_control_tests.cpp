// Look-ups and puts in Redis that are followed, and given up.

#include <larder/cache.hpp>
#include <larder/core/memory_download.hpp>
#include <larder/core/transfer.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/redis.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/blob_objects.hpp"
#include "support/followed_work.hpp"
#include "support/patient_timeouts.hpp"
#include "support/pattern.hpp"
#include "support/redis_missing.hpp"
#include "support/redis_server.hpp"
#include "support/refusal.hpp"
#include "support/silent_sink.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::bytes;
using larder::error_cause;
using larder::put_mode;
using store = larder::redis::store;

static_assert(larder::fetching_store<store>);
static_assert(larder::followed_store<store>);
static_assert(larder::expiring_blob_store<store>);

constexpr std::uint64_t chunk = 4096;
constexpr std::uint64_t size = 3 * chunk + 5;

larder::redis at(const redis_server& server) {
  return {.unix_socket = server.socket_file(), .chunk_size = chunk, .timeouts = patient, .lookup_budget = patient.first_byte};
}
std::int64_t keys(const redis_server& server) { return server.ask({"DBSIZE"}).number; }

/// What a transfer has told of itself; requests a stop at the chunk that it is given.
struct followed {
  std::vector<std::uint64_t> landed;
  std::uint64_t total = 0;
  std::size_t stop_at = static_cast<std::size_t>(-1);
  std::stop_source source;

  larder::transfer_control control() {
    return {.stop = source.get_token(), .progress = [this](std::uint64_t now, std::uint64_t all) {
              landed.push_back(now);
              total = all;
              if (landed.size() == stop_at) source.request_stop();
            }};
  }
};
using figures = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("an object in chunks tells of each as it is put and as it comes") {
  if (redis_missing()) return;
  const redis_server server;
  silent_sink sink;
  store s(at(server), sink);
  const bytes whole = bytes::copy_of(pattern(size));
  followed sent;
  CHECK(s.put("large", {&whole, 1}, put_mode::replace, sent.control()));
  CHECK(sent.landed == figures{0, chunk, 2 * chunk, 3 * chunk, size});
  CHECK(sent.total == size);
  followed come;
  larder::memory_download target;
  CHECK(s.fetch("large", target, come.control()));
  CHECK(std::move(target).result() == whole);
  CHECK(come.landed == figures{chunk, 2 * chunk, 3 * chunk, size});
  CHECK_FALSE(s.fetch("nothing", target, {}));

  followed small;
  const bytes few = bytes::copy_of("few");
  CHECK(s.put("small", {&few, 1}, put_mode::create_only, small.control()));
  CHECK(small.landed == figures{0, 3});
  followed back;
  CHECK(s.fetch("small", target, back.control()));
  CHECK(back.landed == figures{3});
}

TEST_CASE("of a put that is given up nothing is seen, and no chunk stays") {
  if (redis_missing()) return;
  const redis_server server;
  silent_sink sink;
  store s(at(server), sink);
  const bytes old = bytes::copy_of("old");
  const bytes whole = bytes::copy_of(pattern(size));
  CHECK(s.put("a", {&old, 1}, put_mode::replace));
  for (const std::size_t chunks : {1U, 2U, 3U, 5U}) {  // before any, between them, after the last
    followed put{.landed = {}, .total = 0, .stop_at = chunks, .source = {}};
    CHECK(cause_of([&] { s.put("a", {&whole, 1}, put_mode::replace, put.control()); }) == error_cause::cancelled);
    CHECK(s.get("a") == old);
    CHECK(keys(server) == 1);
  }
  CHECK_THROWS_AS(s.put("a", {&whole, 1}, put_mode::replace,
                        larder::transfer_control{.stop = {},
                                                 .progress =
                                                     [](std::uint64_t landed, std::uint64_t) {
                                                       if (landed == size) throw std::runtime_error("enough");
                                                     }}),
                  std::runtime_error);
  CHECK(s.get("a") == old);
  CHECK(keys(server) == 1);
}

TEST_CASE("a put whose stop was requested before sends nothing") {
  if (redis_missing()) return;
  const redis_server server;
  silent_sink sink;
  store s(at(server), sink);
  followed put;
  put.source.request_stop();
  const bytes few = bytes::copy_of("few");
  CHECK(cause_of([&] { s.put("a", {&few, 1}, put_mode::replace, put.control()); }) == error_cause::cancelled);
  CHECK(s.report().requests == 0);
  CHECK(put.landed.empty());
}

TEST_CASE("a look-up is given up while the server is silent, and is a counted miss") {
  if (redis_missing()) return;
  redis_server server;
  auto cache = larder::make_cache<std::string, bytes>(larder::unbounded{}, larder::ttl{}, at(server));
  const bytes whole = bytes::copy_of(pattern(size));
  CHECK(cache.put("a", whole, larder::transfer_control{}));
  followed whole_way;
  CHECK(cache.get("a", whole_way.control()) == whole);
  CHECK(whole_way.landed.size() == 4);
  server.suspend();
  const std::uint64_t before = cache.stats().remote->requests;
  std::stop_source source;
  std::jthread stopper([&] {
    while (cache.stats().remote->requests == before) std::this_thread::yield();
    source.request_stop();
  });
  CHECK_FALSE(cache.get("a", {.stop = source.get_token(), .progress = {}}));
  server.go_on();
  CHECK(cache.stats().errors[error_cause::cancelled] == 1);
  CHECK(cache.stats().errors.total() == 1);
  CHECK(cache.get("a") == whole);
}

TEST_CASE("work over every entry of a server is followed, and is ended between two requests") {
  if (redis_missing()) return;
  redis_server server;
  auto cache = larder::make_cache<std::string, bytes>(larder::unbounded{}, at(server));
  constexpr std::uint64_t count = 5;
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(cache.put("key" + std::to_string(i), bytes::copy_of("value")));

  followed_work listing;
  CHECK(cause_of([&] { cache.clear(listing.control_of_listing(2)); }) == error_cause::cancelled);
  CHECK(keys(server) == count);
  followed_work some{.stop_at = 2};
  CHECK(cause_of([&] { cache.clear(some.control()); }) == error_cause::cancelled);
  CHECK(keys(server) == count - 3);
  followed_work rest;
  CHECK(cache.erase_prefix("key", rest.control()) == count - 3);
  CHECK(rest.told.back() == std::pair{count - 3, count - 3});
  CHECK(keys(server) == 0);
  CHECK(cache.stats().errors.total() == 0);
}
