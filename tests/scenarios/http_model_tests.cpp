// A cache on an HTTP store against a map: random operations, the same answers. Two caches share the server, as two machines
// would: a hit is the last value that either put, never another.
#include <larder/core/units.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/larder.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/testing/blob_server.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

using namespace larder::literals;

namespace {

struct kept {
  std::string value;
  std::optional<larder::instant> deadline;
};

void run_model(bool plain, unsigned seed) {
  CAPTURE(plain);
  CAPTURE(seed);
  larder::testing::blob_server server({.plain = plain});
  larder::manual_clock now(1'000s);
  const auto make = [&] {
    return larder::make_cache<std::string, std::string>(larder::unbounded{}, larder::ttl{}, larder::time_source{now},
                                                        larder::http_blob{larder::webdav{.url = server.url() + "/model"}});
  };
  auto one = make();
  auto two = make();
  std::map<std::string, kept> model;
  const auto alive = [&](const std::string& key) {
    const auto at = model.find(key);
    return at != model.end() && !(at->second.deadline && now.now() > *at->second.deadline);
  };

  std::mt19937 random(seed);
  for (int step = 0; step < 300; ++step) {
    auto& cache = random() % 2 == 0 ? one : two;
    const std::string key = "key/../" + std::to_string(random() % 6);
    const std::string value(random() % 3 == 0 ? 0 : random() % 5000, static_cast<char>('a' + step % 26));
    CAPTURE(step);
    switch (random() % 12) {
      case 0:
      case 1:
      case 2:
        REQUIRE(cache.put(key, value));
        model[key] = {value, std::nullopt};
        break;
      case 3:
        REQUIRE(cache.put(key, value, 10s));
        model[key] = {value, now.now() + 10s};
        break;
      case 4:
        REQUIRE(cache.put_if_absent(key, value) == !alive(key));
        if (!alive(key)) model[key] = {value, std::nullopt};
        break;
      case 5: {
        REQUIRE(cache.erase(key) == (model.erase(key) != 0));
        break;
      }
      case 6:
        now.advance(3s);
        break;
      case 7:
        REQUIRE(cache.contains(key) == alive(key));
        break;
      case 8: {
        const std::string loaded = cache.get_or_load(key, [&] { return value; });
        REQUIRE(loaded == (alive(key) ? model[key].value : value));
        if (!alive(key)) model[key] = {value, std::nullopt};
        break;
      }
      default: {
        const std::optional<std::string> got = cache.get(key);
        REQUIRE(got.has_value() == alive(key));
        if (got) REQUIRE(*got == model[key].value);
      }
    }
    if (!plain && step % 100 == 99) {  // a plain server cannot list
      std::set<std::string> listed;
      cache.for_each([&](const std::string& k, std::uint64_t weight, larder::duration) {
        REQUIRE(alive(k));
        REQUIRE(weight == model[k].value.size());
        listed.insert(k);
      });
      std::size_t living = 0;
      for (const auto& [k, v] : model) living += alive(k) ? 1U : 0U;
      REQUIRE(listed.size() == living);
    }
  }
  REQUIRE(one.errors().total() + two.errors().total() == 0);
  if (!plain) {
    one.clear();
    for (const auto& [k, v] : model) CHECK_FALSE(two.get(k).has_value());
  }
}

}  // namespace

TEST_CASE("two caches on one WebDAV server answer as a map does") {
  for (const unsigned seed : {1U, 2U, 3U}) run_model(false, seed);
}

TEST_CASE("two caches on one plain HTTP server answer as a map does") {
  for (const unsigned seed : {4U, 5U}) run_model(true, seed);
}
