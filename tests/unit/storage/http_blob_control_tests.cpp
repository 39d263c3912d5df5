// Long operations of a remote cache that their callers follow and give up: puts, and loads that look first.

#include <larder/cache.hpp>
#include <larder/core/transfer.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/sync/unsynchronized.hpp>
#include <larder/testing/blob_server.hpp>
#include <larder/tiered.hpp>

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
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/azurite.hpp"
#include "support/eventually.hpp"
#include "support/followed_work.hpp"
#include "support/patient_timeouts.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"

namespace {

using namespace support;
using larder::bytes;
using larder::error_cause;
using larder::testing::blob_server;
using larder::testing::fault_kind;

using far_cache = larder::cache<std::string, bytes, larder::unbounded, larder::http_blob<larder::webdav>>;
using near_cache = larder::cache<std::string, bytes, larder::max_bytes>;

/// One request per operation, which waits for longer than a test does.
larder::http_blob<larder::webdav> at(const blob_server& server) {
  return {larder::webdav{.url = server.url(), .timeouts = patient}, larder::resilience::none()};
}

/// Requests a stop once the server has met that many of these requests.
class stopper {
 public:
  stopper(const blob_server& server, const std::string& method, std::uint64_t after = 1)
      : thread_([this, &server, method, after] {
          CHECK(eventually([&] { return server.counts()[method] >= after; }));
          source_.request_stop();
        }) {}

  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::jthread thread_;
};

/// What a transfer has told of itself.
struct followed {
  std::vector<std::uint64_t> landed;
  std::uint64_t total = 0;
  larder::transfer_control control(std::stop_token stop = {}) {
    return {.stop = std::move(stop), .progress = [this](std::uint64_t now, std::uint64_t all) {
              landed.push_back(now);
              total = all;
            }};
  }
};

}  // namespace

TEST_CASE("a put in one request tells of its beginning and its end, and is given up while it is under way") {
  blob_server server;
  far_cache cache(larder::unbounded{}, at(server));
  followed put;
  CHECK(cache.put("model", pattern_bytes(100'000), put.control()));
  CHECK(put.total > 100'000);
  CHECK(put.landed == std::vector<std::uint64_t>{0, put.total});
  CHECK(cache.get("model") == pattern_bytes(100'000));

  server.inject({.kind = fault_kind::black_hole, .times = larder::testing::fault::always, .method = "PUT"});
  const stopper stop(server, "PUT", 1 + server.counts()["PUT"]);
  followed late;
  CHECK_FALSE(cache.put("other", pattern_bytes(100'000), late.control(stop.token())));
  CHECK(late.landed == std::vector<std::uint64_t>{0});
  CHECK(cache.stats().errors[error_cause::cancelled] == 1);
  CHECK(cache.stats().errors.total() == 1);
  CHECK(cache.stats().refused == 1);

  server.clear_faults();
  server.release();
  const std::uint64_t before = server.counts()["PUT"];
  CHECK_FALSE(cache.put("third", pattern_bytes(10), {.stop = stop.token()}));  // not begun
  CHECK(server.counts()["PUT"] == before);
  CHECK(cache.put("other", pattern_bytes(100'000, 2)));
  CHECK(cache.get("other") == pattern_bytes(100'000, 2));
}

TEST_CASE("a put in blocks tells of each, and of one that is given up nothing is seen") {
  using larder_tests::azurite;
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  larder::azure settings = larder::azure::emulator("control", server->endpoint());
  settings.block_size = std::uint64_t{1} << 20U;
  auto cache = larder::make_cache<std::string, bytes>(larder::unbounded{}, larder::http_blob{settings});
  std::stop_source stop;
  std::uint64_t most = 0;
  CHECK_FALSE(cache.put("model", pattern_bytes(12'000'000),
                        {.stop = stop.get_token(), .progress = [&](std::uint64_t landed, std::uint64_t) {
                           most = landed;
                           if (landed > 3'000'000) stop.request_stop();
                         }}));
  CHECK(most < 12'000'000);
  CHECK(cache.stats().errors[error_cause::cancelled] == 1);
  auto elsewhere = larder::make_cache<std::string, bytes>(larder::unbounded{}, larder::http_blob{settings});
  CHECK_FALSE(elsewhere.contains("model"));

  followed whole;
  CHECK(cache.put("model", pattern_bytes(12'000'000), whole.control()));
  CHECK(whole.landed.size() == 13);  // the beginning and 12 blocks
  CHECK(whole.landed.back() == whole.total);
  CHECK(elsewhere.get("model") == pattern_bytes(12'000'000));
}

TEST_CASE("a remote tier's put can be followed and given up; the faster tiers have the value all the same") {
  blob_server server;
  near_cache near(larder::max_bytes{1 << 20});
  far_cache far(larder::unbounded{}, at(server));
  larder::tiered both{near, far};
  followed put;
  CHECK(both.put("model", pattern_bytes(1000), put.control()));
  CHECK(put.landed == std::vector<std::uint64_t>{0, put.total});
  std::stop_source stopped;
  stopped.request_stop();
  CHECK(both.put("model", pattern_bytes(1000, 2), {.stop = stopped.get_token()}));
  CHECK(far.stats().errors[error_cause::cancelled] == 1);
  CHECK(both.get("model") == pattern_bytes(1000, 2));
  near.clear();
  CHECK_FALSE(both.get("model"));  // what the server has is older than what was put
}

TEST_CASE("a stop ends the look-up that a load begins with, and the loader is not asked") {
  blob_server server;
  server.inject({.kind = fault_kind::black_hole, .times = larder::testing::fault::always, .method = "GET"});
  bool loaded = false;
  const auto loader = [&](const std::string&) {
    loaded = true;
    return bytes();
  };
  const auto given_up = [&](auto& cache) {
    const stopper stop(server, "GET", 1 + server.counts()["GET"]);
    CHECK(cause_of([&] { cache.get_or_load("model", loader, stop.token()); }) == error_cause::cancelled);
  };
  SUBCASE("by many threads") {
    far_cache cache(larder::unbounded{}, at(server));
    given_up(cache);
    CHECK(cache.stats().errors[error_cause::cancelled] == 1);
    CHECK(cache.stats().errors[error_cause::timeout] == 0);
  }
  SUBCASE("by one thread") {
    auto cache = larder::make_cache<std::string, bytes>(larder::unbounded{}, larder::unsynchronized{}, at(server));
    given_up(cache);
    CHECK(cache.stats().errors[error_cause::cancelled] == 1);
    CHECK(cache.stats().errors[error_cause::timeout] == 0);
  }
  SUBCASE("in tiers") {
    near_cache near(larder::max_bytes{1 << 20});
    far_cache far(larder::unbounded{}, at(server));
    larder::tiered both{near, far};
    given_up(both);
    CHECK(far.stats().errors[error_cause::cancelled] == 1);
    CHECK(far.stats().errors[error_cause::timeout] == 0);
  }
  CHECK_FALSE(loaded);
}

TEST_CASE("work over every entry of a server is followed, and is ended between two requests") {
  blob_server server;
  far_cache cache(larder::unbounded{}, at(server));
  constexpr std::uint64_t count = 5;
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(cache.put("key" + std::to_string(i), pattern_bytes(100)));
  const auto erased = [&] { return server.counts()["DELETE"]; };

  followed_work listing;
  CHECK(cause_of([&] { cache.clear(listing.control_of_listing(2)); }) == error_cause::cancelled);
  CHECK(erased() == 0);
  followed_work some{.stop_at = 2};
  CHECK(cause_of([&] { cache.clear(some.control()); }) == error_cause::cancelled);
  CHECK(erased() == 3);
  followed_work rest;
  CHECK(cache.erase_prefix("key", rest.control()) == count - 3);
  CHECK(rest.told.back() == std::pair{count - 3, count - 3});
  CHECK(erased() == count);
  CHECK(cache.stats().errors.total() == 0);
}

namespace {

/// A store of one's own without the form of `put` that can be followed.
struct plain_store {
  using policy_axis = larder::axis::storage;
  std::shared_ptr<std::map<std::string, std::string>> objects = std::make_shared<std::map<std::string, std::string>>();

  class store {
   public:
    store(const plain_store& policy, larder::error_sink&) : objects_(policy.objects) {}
    std::optional<bytes> get(std::string_view name, larder::byte_range) {
      const auto at = objects_->find(std::string(name));
      return at == objects_->end() ? std::nullopt : std::optional<bytes>(bytes::copy_of(at->second));
    }
    std::optional<larder::blob_info> head(std::string_view) { return std::nullopt; }
    bool put(std::string_view name, std::span<const bytes> parts, larder::put_mode) {
      std::string whole;
      for (const bytes& part : parts) whole += part.text();
      objects_->insert_or_assign(std::string(name), whole);
      return true;
    }
    bool erase(std::string_view name) { return objects_->erase(std::string(name)) != 0; }
    template <class F>
    void list(std::string_view, F&&) {}

   private:
    std::shared_ptr<std::map<std::string, std::string>> objects_;
  };
};

}  // namespace

TEST_CASE("a put into a store that cannot be followed is given up before it begins, or not at all") {
  static_assert(!larder::followed_store<plain_store::store>);
  static_assert(larder::followed_store<larder::http_blob<larder::webdav>::store>);
  const plain_store policy;
  larder::cache<std::string, bytes, larder::unbounded, plain_store> cache(larder::unbounded{}, policy);
  std::stop_source stop;
  CHECK(cache.put("model", pattern_bytes(100), {.stop = stop.get_token()}));
  CHECK(cache.get("model") == pattern_bytes(100));
  stop.request_stop();
  CHECK_FALSE(cache.put("other", pattern_bytes(100), {.stop = stop.get_token()}));
  CHECK(policy.objects->size() == 1);
  CHECK(cache.stats().errors[error_cause::cancelled] == 1);
}
