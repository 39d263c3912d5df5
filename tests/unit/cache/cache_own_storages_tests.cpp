// Storages written outside the library, one of each kind, driven through the cache: what they do, and what the cache does
// when they fail.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bucket.hpp"
#include "shelf.hpp"

using namespace larder::literals;
using larder::error_cause;

using own_storages::bucket;
using own_storages::shelf;

namespace {

/// Collects what the error listener is told.
struct complaints {
  std::vector<error_cause> causes;
  auto listener() {
    return larder::error_listener{[this](const larder::error_event& e) { causes.push_back(e.cause); }};
  }
};

std::string only_object(const bucket::contents& in) {
  REQUIRE(in.objects.size() == 1);
  return in.objects.begin()->first;
}

}  // namespace

TEST_CASE("an indexed storage from outside carries a whole cache") {
  shelf::contents contents;
  std::vector<std::pair<std::string, larder::removal_cause>> left;
  auto c = larder::make_cache<std::string, std::string>(
      larder::lru{}, larder::max_entries{3}, larder::max_bytes{100}, shelf{&contents},
      larder::removal_listener{[&](const std::string& key, const std::string&, larder::removal_cause cause) { left.emplace_back(key, cause); }});
  CHECK(c.put("a", "1"));
  CHECK(c.put("b", "22"));
  CHECK(c.put("c", ""));
  CHECK(c.get("a") == "1");
  CHECK(c.get("c") == "");
  CHECK(c.weight() == 3);
  CHECK(c.put("d", "4444"));
  CHECK_FALSE(c.get("b").has_value());
  CHECK(contents.rows.size() == 3);
  CHECK(c.put("a", "new"));
  CHECK(c.get("a") == "new");
  CHECK_FALSE(c.put_if_absent("a", "newer"));
  CHECK(c.put_if_absent("e", "5"));
  CHECK(c.size() == 3);
  CHECK_FALSE(c.put("big", std::string(101, 'x')));
  CHECK(c.erase("e"));
  CHECK_FALSE(c.erase("e"));
  CHECK(c.get_or_load("f", [] { return std::string("loaded"); }) == "loaded");
  CHECK(c.get("f") == "loaded");
  CHECK(c.erase_prefix("f") == 1);
  std::map<std::string, std::uint64_t> listed;
  c.for_each([&](const std::string& key, std::uint64_t weight, larder::duration) { listed[key] = weight; });
  CHECK(listed == std::map<std::string, std::uint64_t>{{"a", 3}, {"d", 4}});
  c.set_capacity(larder::max_entries{1});
  CHECK(c.size() == 1);
  CHECK(contents.rows.size() == 1);
  c.clear();
  CHECK(contents.rows.empty());
  CHECK(c.weight() == 0);
  using larder::removal_cause;
  CHECK(left == decltype(left){{"b", removal_cause::evicted},
                               {"a", removal_cause::replaced},
                               {"c", removal_cause::evicted},
                               {"e", removal_cause::erased},
                               {"f", removal_cause::erased},
                               {"d", removal_cause::evicted},
                               {"a", removal_cause::erased}});
  CHECK(c.stats().errors.total() == 0);
}

TEST_CASE("what an indexed storage holds is there for the next cache, as far as it has room") {
  shelf::contents contents;
  larder::manual_clock now(1000s);
  {
    auto c = larder::make_cache<std::string, std::vector<float>>(larder::max_entries{10}, shelf{&contents}, larder::ttl{}, larder::time_source{now});
    c.put("a", {1, 2});
    c.put("b", {3}, 10s);
    c.put("c", {4, 5, 6}, 1h);
  }
  {
    now += 11s;
    auto c = larder::make_cache<std::string, std::vector<float>>(larder::max_entries{10}, shelf{&contents}, larder::ttl{}, larder::time_source{now});
    CHECK(c.stats().insertions == 0);
    CHECK(c.get("a") == std::vector<float>{1, 2});
    CHECK_FALSE(c.get("b").has_value());
    CHECK(c.get("c") == std::vector<float>{4, 5, 6});
  }
  auto small = larder::make_cache<std::string, std::vector<float>>(larder::max_entries{1}, shelf{&contents}, larder::ttl{}, larder::time_source{now});
  CHECK(small.size() == 1);
  CHECK(contents.rows.size() == 1);
}

TEST_CASE("an indexed storage that fails is a miss or a refused put, counted by cause, never an exception") {
  for (const error_cause cause : {error_cause::io, error_cause::no_space, error_cause::timeout}) {
    shelf::contents contents;
    complaints told;
    auto c = larder::make_cache<std::string, std::string>(larder::lru{}, larder::max_entries{2}, shelf{&contents}, told.listener());
    c.put("a", "old");
    contents.fails.cause = cause;
    const auto with = [&](const char* call, auto&& f) {
      const std::uint64_t before = c.stats().errors[cause];
      contents.fails.broken = {call};
      f();
      contents.fails.broken.clear();
      CHECK_MESSAGE(c.stats().errors[cause] > before, call);
    };
    with("fetch", [&] { CHECK_FALSE(c.get("a").has_value()); });
    CHECK(c.get("a") == "old");  // it was only away
    with("find", [&] { CHECK_FALSE(c.get("unknown").has_value()); });
    with("find", [&] { CHECK_FALSE(c.contains("unknown")); });
    const std::uint64_t refused = c.stats().refused;
    with("stage", [&] { CHECK_FALSE(c.put("b", "x")); });
    CHECK(c.stats().refused == refused + 1);
    with("stage", [&] { CHECK_FALSE(c.put_if_absent("b", "x")); });
    CHECK(c.stats().refused == refused + 2);
    CHECK_FALSE(c.put_if_absent("a", "x"));
    CHECK(c.stats().refused == refused + 2);  // it was there, which is no refusal
    with("publish", [&] { CHECK_FALSE(c.put("b", "x")); });
    CHECK_FALSE(c.contains("b"));
    CHECK(c.size() == 1);
    with("lock", [&] { CHECK_FALSE(c.put("b", "x")); });
    with("lock", [&] { CHECK_FALSE(c.erase("a")); });
    with("lock", [&] { c.clear(); });
    with("lock", [&] { CHECK(c.purge_expired() == 0); });
    with("stage", [&] { CHECK_FALSE(c.put("a", "new")); });
    CHECK_FALSE(c.get("a").has_value());  // the old value is not true any more
    with("stage", [&] { CHECK(c.get_or_load("l", [] { return std::string("loaded"); }) == "loaded"); });
    CHECK_FALSE(c.contains("l"));
    c.put("a", "1");
    with("key_of", [&] { c.for_each([](const std::string&, std::uint64_t, larder::duration) { FAIL("has no key"); }); });
    CHECK(told.causes.size() == c.stats().errors.total());
    CHECK(c.get("a") == "1");
    CHECK(c.weight() == 1);
  }
}

TEST_CASE("the storage cannot be opened: the constructor says so") {
  shelf::contents contents;
  contents.fails.broken = {"open"};
  CHECK_THROWS_AS((larder::make_cache<std::string, std::string>(larder::max_entries{2}, shelf{&contents})), larder::error);
}

TEST_CASE("a damaged entry is a counted miss and does no harm to others") {
  shelf::contents contents;
  auto c = larder::make_cache<std::string, std::string>(larder::max_entries{5}, shelf{&contents});
  c.put("good", "1");
  c.put("bad", "2");
  contents.damaged = {"bad"};
  CHECK_FALSE(c.get("bad").has_value());
  CHECK(c.stats().errors[error_cause::corruption] == 1);
  CHECK(c.stats().hits == 0);
  CHECK(c.stats().misses == 1);
  CHECK(c.size() == 1);
  CHECK(c.get("good") == "1");
  contents.damaged.clear();
  CHECK(c.put("bad", "3"));
  CHECK(c.get("bad") == "3");
}

TEST_CASE("bytes that are not of the value's type are a miss with cause codec") {
  shelf::contents contents;
  {
    auto texts = larder::make_cache<std::string, std::string>(larder::max_entries{5}, shelf{&contents});
    texts.put("a", "three");
  }
  auto numbers = larder::make_cache<std::string, std::uint64_t>(larder::max_entries{5}, shelf{&contents});
  CHECK_FALSE(numbers.get("a").has_value());
  CHECK(numbers.stats().errors[error_cause::codec] == 1);
  CHECK(numbers.stats().misses == 1);
  CHECK(numbers.put("a", 7));
  CHECK(numbers.get("a") == 7);
}

TEST_CASE("a blob storage from outside carries a cache without an index") {
  bucket::contents contents;
  auto c = larder::make_cache<std::string, larder::bytes>(larder::unbounded{}, bucket{&contents});
  const larder::bytes value = larder::bytes::copy_of(std::string(10'000, 'v'));
  CHECK(c.put("../model", value));
  const std::string name = only_object(contents);
  CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789/.-_") == std::string::npos);
  CHECK(name.find("..") == std::string::npos);
  CHECK(c.get("../model") == value);
  CHECK_FALSE(c.get("other").has_value());
  CHECK_FALSE(c.put_if_absent("../model", larder::bytes()));
  CHECK(c.put_if_absent("empty", larder::bytes()));
  REQUIRE(c.get("empty").has_value());
  CHECK(c.get("empty")->empty());
  contents.calls.clear();
  CHECK(c.contains("../model"));
  CHECK(contents.calls == std::vector<std::string>{"head"});
  std::map<std::string, std::uint64_t> listed;
  c.for_each([&](const std::string& key, std::uint64_t weight, larder::duration) { listed[key] = weight; });
  CHECK(listed == std::map<std::string, std::uint64_t>{{"../model", 10'000}, {"empty", 0}});
  CHECK(c.erase("empty"));
  CHECK_FALSE(c.erase("empty"));
  CHECK(c.erase_prefix("../") == 1);
  CHECK(contents.objects.empty());
  CHECK(c.get_or_load("l", [] { return larder::bytes::copy_of(std::string_view("x")); }).text() == "x");
  CHECK(c.get("l")->text() == "x");
  contents.objects["not-ours"] = "kept";
  contents.objects["entries/zz/not-a-digest"] = "kept";
  c.clear();
  CHECK(contents.objects.size() == 2);
  CHECK(c.stats().errors.total() == 0);
}

TEST_CASE("remote entries expire by the time at which they were stored, whoever reads them") {
  bucket::contents contents;
  larder::manual_clock now(1000s);
  const auto make = [&](auto&& f) {
    auto c = larder::make_cache<std::string, int>(larder::unbounded{}, bucket{&contents}, larder::expire_after_write{10s}, larder::ttl{},
                                                  larder::time_source{now});
    f(c);
  };
  make([](auto& c) {
    c.put("a", 1);
    c.put("b", 2, 5s);
  });
  now += 6s;
  make([](auto& c) {
    CHECK(c.get("a") == 1);
    CHECK_FALSE(c.get("b").has_value());
    CHECK_FALSE(c.contains("b"));
    CHECK(c.put_if_absent("b", 3));
  });
  now += 4s;
  make([](auto& c) { CHECK(c.get("a") == 1); });
  now += 1s;
  make([&](auto& c) {
    CHECK_FALSE(c.get("a").has_value());
    CHECK(c.purge_expired() == 1);
    CHECK(c.get("b") == 3);
  });
  CHECK(contents.objects.size() == 1);
}

TEST_CASE("a blob storage that fails is a miss or a refused put, counted by cause, never an exception") {
  for (const error_cause cause : {error_cause::network, error_cause::unauthorized, error_cause::server, error_cause::timeout}) {
    bucket::contents contents;
    complaints told;
    auto c = larder::make_cache<std::string, std::string>(larder::unbounded{}, bucket{&contents}, told.listener());
    c.put("a", "1");
    contents.fails = {{"get", "head", "put", "erase", "list"}, cause};
    CHECK_FALSE(c.get("a").has_value());
    CHECK_FALSE(c.contains("a"));
    CHECK_FALSE(c.peek("a").has_value());
    CHECK_FALSE(c.put("b", "2"));
    CHECK_FALSE(c.put_if_absent("b", "2"));
    CHECK(c.get_or_load("b", [] { return std::string("loaded"); }) == "loaded");
    CHECK(c.purge_expired() == 0);
    CHECK(c.erase_prefix("a") == 0);
    c.for_each([](const std::string&, std::uint64_t, larder::duration) { FAIL("nothing is listed"); });
    const larder::cache_stats s = c.stats();
    CHECK(s.errors[cause] == s.errors.total());
    CHECK(s.errors.total() >= 9);
    CHECK(told.causes == std::vector<error_cause>(s.errors.total(), cause));
    CHECK(s.misses == 2);
    CHECK(s.refused == 3);  // put, put_if_absent and what was loaded
    contents.fails.broken.clear();
    CHECK(c.get("a") == "1");  // a failure is not remembered as absence
  }
}

TEST_CASE("what a failing blob storage did not let go of is not served: it may be older than what was put or erased") {
  bucket::contents contents;
  auto c = larder::make_cache<std::string, std::string>(larder::unbounded{}, bucket{&contents});
  for (const char* key : {"put", "erased", "kept"}) c.put(key, "old");
  contents.fails = {{"put", "erase", "list"}, error_cause::network};
  CHECK_FALSE(c.put("put", "new"));
  CHECK_FALSE(c.erase("erased"));
  contents.fails.broken.clear();
  CHECK_FALSE(c.get("put").has_value());
  CHECK_FALSE(c.contains("erased"));
  CHECK(c.get("kept") == "old");
  CHECK(c.put_if_absent("put", "newer"));
  CHECK(c.get("put") == "newer");
  CHECK(c.erase("erased"));
  CHECK_FALSE(c.get("erased").has_value());

  contents.fails = {{"list"}, error_cause::network};
  c.clear();
  contents.fails.broken.clear();
  CHECK_FALSE(c.get("kept").has_value());
  CHECK(c.put("kept", "again"));
  CHECK(c.get("kept") == "again");
  c.clear();
  CHECK(c.put("kept", "new"));
  CHECK(c.get("kept") == "new");
}

TEST_CASE("a remote object with one byte flipped, missing or too many is a counted miss") {
  bucket::contents contents;
  auto c = larder::make_cache<std::string, std::string>(larder::unbounded{}, bucket{&contents});
  c.put("key", "the value");
  const std::string name = only_object(contents);
  const std::string good = contents.objects[name];
  const std::size_t payload = good.find("the value");
  const std::size_t padding = good.find("key") + 3;  // zeros that mean nothing lie between key and payload
  REQUIRE(payload != std::string::npos);
  std::uint64_t damaged = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    contents.objects[name] = good;
    contents.objects[name][i] = static_cast<char>(good[i] ^ 1);
    const bool means_nothing = i >= padding && i < payload;
    CHECK_MESSAGE(c.get("key").has_value() == means_nothing, i);
    damaged += means_nothing ? 0 : 1;
  }
  for (std::size_t size = 0; size < good.size(); ++size, ++damaged) {
    contents.objects[name] = good.substr(0, size);
    CHECK_FALSE_MESSAGE(c.get("key").has_value(), size);
  }
  contents.objects[name] = good + "x";
  CHECK_FALSE(c.get("key").has_value());
  CHECK(c.stats().errors[error_cause::corruption] == damaged + 1);
  contents.objects[name] = good;
  CHECK(c.get("key") == "the value");
}

TEST_CASE("an object under another key's name is not served") {
  bucket::contents contents;
  auto c = larder::make_cache<std::string, std::string>(larder::unbounded{}, bucket{&contents});
  c.put("a", "of a");
  const std::string name_of_a = only_object(contents);
  const std::string object_of_a = contents.objects[name_of_a];
  c.erase("a");
  c.put("b", "of b");
  const std::string name_of_b = only_object(contents);
  contents.objects[name_of_b] = object_of_a;
  CHECK_FALSE(c.get("b").has_value());
  CHECK(c.stats().errors[error_cause::corruption] == 1);
}
