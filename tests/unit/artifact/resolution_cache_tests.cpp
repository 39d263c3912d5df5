#include <larder/artifact/call_resolver.hpp>
#include <larder/artifact/kept_resolutions.hpp>
#include <larder/artifact/not_found.hpp>
#include <larder/artifact/resolution_answer.hpp>
#include <larder/artifact/resolution_cache.hpp>
#include <larder/artifact/resolution_counts.hpp>
#include <larder/artifact/resolution_options.hpp>
#include <larder/artifact/resolution_stats.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::error_cause;
using larder::request;
using larder::resolution_cache;
using larder::resolution_stats;
using support::says;
using namespace std::chrono_literals;

namespace {

using texts = resolution_cache<std::string>;
using options = larder::resolution_options<std::string>;

request model(const std::string& id) { return request{}.field("model_id", id).field("batch", 1); }

std::filesystem::path only_entry(const std::filesystem::path& home) {
  std::filesystem::path found;
  for (const auto& file : std::filesystem::directory_iterator(home / "auto-resolution-cache")) {
    REQUIRE(found.empty());
    found = file.path();
  }
  REQUIRE_FALSE(found.empty());
  return found;
}

}  // namespace

TEST_CASE("resolvers may take the request and a stop token, and give a value or none") {
  const support::temporary_folder home;
  texts cache{home.path()};
  CHECK(cache.resolve(model("a"), [] { return "one"; }) == "one");
  CHECK(cache.resolve(model("b"), [](const request& asked) { return asked.text(); }) == model("b").text());
  std::stop_source stop;
  CHECK(cache.resolve(
            model("c"), [&](const request&, std::stop_token token) { return std::string(token.stop_possible() ? "yes" : "no"); },
            stop.get_token()) == "yes");
  CHECK(cache.resolve(model("d"), [] { return std::optional<std::string>("two"); }) == "two");
  CHECK_THROWS_AS(cache.resolve(model("e"), [] { return std::optional<std::string>(); }), larder::not_found);
  int calls = 0;
  const std::function<std::string()> named = [&] { return ++calls, std::string("three"); };
  CHECK(cache.resolve(model("f"), named) == "three");
  CHECK(cache.resolve(model("f"), named) == "three");
  CHECK(calls == 1);
}

TEST_CASE("any type with a codec is kept") {
  const support::temporary_folder home;
  resolution_cache<std::vector<int>> lists{home.path()};
  resolution_cache<double> numbers{home.path(), {.version = "numbers"}};
  for (int n = 0; n < 2; ++n) {
    CHECK(lists.resolve(model("a"), [] { return std::vector<int>{1, 2, 3}; }) == std::vector<int>{1, 2, 3});
    CHECK(numbers.resolve(model("a"), [] { return 2.5; }) == 2.5);
  }
  CHECK(lists.stats().hits == 1);
  CHECK(numbers.stats().hits == 1);
  resolution_cache<std::int64_t> confused{home.path()};  // the lists' entries, under the same key
  CHECK(confused.resolve(model("a"), [] { return std::int64_t{9}; }) == 9);
  CHECK(confused.stats().damaged == 1);
  CHECK(confused.stats().errors[error_cause::codec] == 1);
  CHECK(confused.resolve(model("a"), [] { return std::int64_t{0}; }) == 9);
}

TEST_CASE("answers say where they are from, and each look-up counts once") {
  const support::temporary_folder home;
  larder::manual_clock now(larder::instant(1h));
  texts cache{home.path(), {.time = larder::time_source{now}}};
  const auto first = cache.resolve(model("a"), [] { return "x"; });
  CHECK_FALSE(first.from_cache());
  CHECK_FALSE(first.is_stale());
  CHECK(first.age() == 0s);
  now += 7min;
  const auto second = cache.resolve(model("a"), [] { return "y"; });
  CHECK(second == "x");
  CHECK(second.from_cache());
  CHECK(second.age() == 7min);
  CHECK(cache.find(model("a")) == std::string("x"));
  CHECK_FALSE(cache.find(model("b")).has_value());
  CHECK_THROWS_AS(cache.resolve(model("c"), []() -> std::string { throw std::runtime_error("no"); }), std::runtime_error);
  const resolution_stats stats = cache.stats();
  CHECK(stats.hits == 2);
  CHECK(stats.misses == 3);
  CHECK(stats.resolved == 1);
  CHECK(stats.failures == 1);
  CHECK(stats.insertions == 1);
  CHECK(stats.negative + stats.joined + stats.stale + stats.expirations + stats.invalid + stats.damaged + stats.refused +
            stats.errors.total() ==
        0);
}

TEST_CASE("that there is none is kept as long as asked for") {
  const support::temporary_folder home;
  larder::manual_clock now(larder::instant(1h));
  int calls = 0;
  const auto none = [&]() -> std::string {
    ++calls;
    throw larder::not_found("no such model; try another");
  };
  texts forgetful{home.path(), {.time = larder::time_source{now}}};
  for (int n = 0; n < 2; ++n) CHECK(says(support::refusal_of([&] { forgetful.resolve(model("a"), none); }), "try another"));
  CHECK(calls == 2);
  texts cache{home.path(), {.negative_expiry = 10min, .time = larder::time_source{now}}};
  CHECK_THROWS_AS(cache.resolve(model("a"), none), larder::not_found);
  now += 10min;
  const support::refusal kept = support::refusal_of([&] { cache.resolve(model("a"), none); });
  CHECK(says(kept, "there is none for the request {\"batch\": 1, \"model_id\": \"a\"}, as the provider said 10 minutes ago"));
  CHECK_FALSE(cache.find(model("a")).has_value());
  CHECK(calls == 3);
  CHECK(cache.stats().negative == 2);
  CHECK(cache.stats().resolved == 1);
  now += 1ns;
  CHECK(cache.resolve(model("a"), [] { return "new"; }) == "new");
  CHECK(cache.stats().expirations == 1);
}

TEST_CASE("an answer that there is none takes the place of one that waited for its provider") {
  const support::temporary_folder home;
  larder::manual_clock now(larder::instant(1h));
  texts cache{home.path(), {.expiry = 1min, .grace = 60min, .time = larder::time_source{now}}};
  cache.resolve(model("a"), [] { return "x"; });
  now += 2min;
  CHECK_THROWS_AS(cache.resolve(model("a"), [] { return std::optional<std::string>(); }), larder::not_found);
  CHECK_THROWS_AS(cache.resolve(model("a"), []() -> std::string { throw larder::error(error_cause::network, "down"); }),
                  larder::error);
  CHECK(cache.stats().stale == 0);
}

TEST_CASE("R19: within its grace an answer is served when the provider cannot be asked, and not when it says no") {
  const support::temporary_folder home;
  larder::manual_clock now(larder::instant(1h));
  std::vector<larder::error_event> told;
  options some{.expiry = 10min, .grace = 20min, .time = larder::time_source{now}};
  some.on_error = [&](const larder::error_event& event) { told.push_back(event); };
  texts cache{home.path(), some};
  const auto failing = [&](auto failure) {
    return cache.resolve(model("a").secret("key", "s3cret-key"), [&]() -> std::string { throw failure; });
  };
  cache.resolve(model("a").secret("key", "s3cret-key"), [] { return "x"; });
  now += 11min;
  for (const error_cause cause : {error_cause::network, error_cause::timeout, error_cause::server, error_cause::io})
    CHECK(failing(larder::error(cause, "down")).is_stale());
  const auto stale = failing(std::runtime_error("down, said s3cret-key"));
  CHECK(stale == "x");
  CHECK(stale.age() == 11min);
  CHECK(stale.from_cache());
  CHECK(failing(7).is_stale());
  REQUIRE(told.size() == 6);
  CHECK(told[0].cause == error_cause::network);
  CHECK(told[4].message.find("s3cret") == std::string::npos);
  for (const error_cause cause : {error_cause::unauthorized, error_cause::invalid_argument, error_cause::cancelled})
    CHECK(support::cause_of([&] { failing(larder::error(cause, "no")); }) == cause);
  CHECK(cache.stats().stale == 6);
  CHECK(cache.stats().misses == 10);
  now += 20min;
  CHECK(support::cause_of([&] { failing(larder::error(error_cause::network, "down")); }) == error_cause::network);
  CHECK(cache.stats().expirations == 1);
}

TEST_CASE("R2: an answer that holds a secret of its request is given, but not kept") {
  const support::temporary_folder home;
  texts cache{home.path()};
  const request asked = model("a").secret("api_key", "s3cret-key");
  int calls = 0;
  const auto careless = [&] { return ++calls, std::string("https://host/x?key=s3cret-key"); };
  for (int n = 0; n < 2; ++n) CHECK(cache.resolve(asked, careless).ends_with("s3cret-key"));
  CHECK(calls == 2);
  CHECK(cache.stats().refused == 2);
  CHECK(cache.stats().errors[error_cause::invalid_argument] == 2);
  CHECK(std::filesystem::is_empty(home / "auto-resolution-cache"));
}

TEST_CASE("erase and purge forget, also what is just being resolved") {
  const support::temporary_folder home;
  texts cache{home.path()};
  for (const char* id : {"a", "b", "c"}) cache.resolve(model(id), [] { return "x"; });
  CHECK(cache.erase(model("a")));
  CHECK_FALSE(cache.erase(model("a")));
  CHECK_FALSE(cache.find(model("a")).has_value());
  CHECK(cache.find(model("b")).has_value());
  CHECK(cache.purge() == 2);
  CHECK_FALSE(cache.find(model("b")).has_value());
  CHECK(cache.resolve(model("d"), [&] { return cache.erase(model("d")) ? "?" : "y"; }) == "y");
  CHECK_FALSE(cache.find(model("d")).has_value());
  CHECK(cache.resolve(model("e"), [&] { return cache.purge() == 0 ? "z" : "?"; }) == "z");
  CHECK_FALSE(cache.find(model("e")).has_value());
}

TEST_CASE("purge_expired removes what is over and what is damaged") {
  const support::temporary_folder home;
  larder::manual_clock now(larder::instant(1h));
  texts cache{home.path(), {.expiry = 10min, .time = larder::time_source{now}}};
  cache.resolve(model("old"), [] { return "x"; });
  now += 10min;
  cache.resolve(model("new"), [] { return "y"; });
  support::write_file(home / "auto-resolution-cache" / "abc.json", "{");
  CHECK(cache.purge_expired() == 1);
  now += 1s;
  CHECK(cache.purge_expired() == 1);
  CHECK(cache.purge_expired() == 0);
  CHECK(cache.find(model("new")) == std::string("y"));
  CHECK(cache.stats().expirations == 1);
  CHECK(cache.stats().damaged == 1);
}

TEST_CASE("explain says why") {
  const support::temporary_folder home;
  larder::manual_clock now(larder::instant(1h));
  bool valid = true;
  options some{.expiry = 10min, .negative_expiry = 5min, .time = larder::time_source{now}};
  some.valid = [&](const std::string&) { return valid; };
  texts cache{home.path(), some};
  CHECK(cache.explain(model("a")) == "a miss: nothing is kept for it, nor for any other request");
  cache.resolve(model("a").secret("key", "one-secret"), [] { return "x"; });
  cache.resolve(request{}.field("something", "else"), [] { return "x"; });
  now += 2min;
  CHECK(cache.explain(model("a").secret("key", "one-secret")) == "a hit: the entry is 2 minutes old; answers hold 10 minutes");
  CHECK(
      cache.explain(model("b").secret("key", "other-secret")) ==
      R"(a miss: nothing is kept for it; the nearest request that is kept differs in "model_id" ("a" there, "b" here), "key" (another secret))");
  valid = false;
  CHECK(cache.explain(model("a").secret("key", "one-secret")).starts_with("a miss: the entry is not valid any more"));
  valid = true;
  now += 9min;
  CHECK(cache.explain(model("a").secret("key", "one-secret")) == "a miss: the entry is 11 minutes old; answers hold 10 minutes");
  CHECK(texts(home.path(), {.expiry = 10min, .offline = true, .time = larder::time_source{now}})
            .explain(model("a").secret("key", "one-secret"))
            .starts_with("a stale hit"));
  CHECK_THROWS_AS(cache.resolve(model("n"), [] { return std::optional<std::string>(); }), larder::not_found);
  CHECK(cache.explain(model("n")).starts_with("a hit: the provider said that there is none"));
  CHECK(texts(home.path(), {.off = true}).explain(model("a")) == "the cache is off: the resolver always runs");
  CHECK(cache.stats().hits == 0);
  CHECK(cache.stats().misses == 3);
  cache.purge();
  cache.resolve(model("d"), [] { return "x"; });
  support::write_file(only_entry(home.path()), "{}");
  CHECK(says({{}, cache.explain(model("d"))}, "is damaged"));
}

TEST_CASE("threads that ask at once share one resolver, and its failure") {
  const support::temporary_folder home;
  texts cache{home.path()};
  std::atomic<int> calls{0}, asking{0}, failed{0}, good{0};
  const auto ask = [&](bool fails) {
    std::vector<std::jthread> threads;
    asking = 0;
    for (int n = 0; n < 8; ++n)
      threads.emplace_back([&, fails] {
        asking.fetch_add(1);
        try {
          const auto answer = cache.resolve(model("a"), [&]() -> std::string {
            calls.fetch_add(1);
            support::eventually([&] { return asking.load() == 8; });
            if (fails) throw larder::error(error_cause::server, "500");
            return "x";
          });
          if (answer == "x") good.fetch_add(1);
        } catch (const larder::error& e) {
          if (e.cause() == error_cause::server) failed.fetch_add(1);
        }
      });
  };
  ask(false);
  CHECK(calls == 1);
  CHECK(good == 8);
  const resolution_stats stats = cache.stats();
  CHECK(stats.misses == 1);
  CHECK(stats.hits + stats.joined == 7);
  cache.purge();
  ask(true);
  CHECK(good == 8);
  CHECK(failed == 8);
  CHECK(calls >= 2);  // who came after the failure tried again
}

TEST_CASE("two caches with one home share one resolver, too") {
  const support::temporary_folder home;
  std::atomic<int> calls{0}, asking{0};
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 6; ++n)
      threads.emplace_back([&] {
        texts own{home.path()};
        asking.fetch_add(1);
        own.resolve(model("a"), [&] {
          calls.fetch_add(1);
          support::eventually([&] { return asking.load() == 6; });
          return "x";
        });
      });
  }
  CHECK(calls == 1);
  CHECK(std::filesystem::is_empty(home / "locks"));
}

TEST_CASE("a resolver that asks for its own request is told so; for another one it may") {
  const support::temporary_folder home;
  texts cache{home.path()};
  const auto recursive = [&] { return cache.resolve(model("a"), [] { return "inner"; }); };
  CHECK(support::cause_of([&] { cache.resolve(model("a"), recursive); }) == error_cause::reentrant);
  CHECK(cache.resolve(model("b"), recursive) == "inner");
}

TEST_CASE("a resolver that asks for another request waits for no other process, which might wait for it") {
  const support::temporary_folder home;
  texts cache{home.path()}, other{home.path()};
  std::atomic<int> inside{0}, done{0};
  std::stop_source too_long;
  const auto ask_both = [&](texts& own, const char* first, const char* second) {
    try {
      return own
          .resolve(
              model(first),
              [&] {
                inside.fetch_add(1);
                support::eventually([&] { return inside.load() == 2; });  // both hold a lock, and ask for what the other one has
                const auto asked = own.resolve(
                    model(second), [&] { return second; }, too_long.get_token());
                return std::string(asked) + " of " + first;
              },
              too_long.get_token())
          .value();
    } catch (const larder::error& e) {
      return std::string(e.what());
    }
  };
  std::string one, two;
  std::jthread beside([&] {
    one = ask_both(other, "b", "a");
    done.fetch_add(1);
  });
  std::jthread watch([&] {
    if (!support::eventually([&] { return done.load() == 2; })) too_long.request_stop();
  });
  two = ask_both(cache, "a", "b");
  done.fetch_add(1);
  beside.join();
  watch.join();
  CHECK(one.ends_with("a of b"));  // of what the other one asked for, or, once that is kept, of its answer
  CHECK(two.ends_with("b of a"));
  CHECK(cache.resolve(model("c"), [&] { return std::string(cache.resolve(model("d"), [] { return "d"; })); }) == "d");
  CHECK(std::filesystem::is_empty(home / "locks"));
}

TEST_CASE("who waits can be stopped") {
  const support::temporary_folder home;
  texts cache{home.path()}, other{home.path()};
  std::atomic<bool> inside{false}, leave{false};
  std::jthread first([&] {
    cache.resolve(model("a"), [&] {
      inside = true;
      support::eventually([&] { return leave.load(); });
      return "x";
    });
  });
  REQUIRE(support::eventually([&] { return inside.load(); }));
  std::stop_source stop;
  stop.request_stop();
  for (texts* waiting : {&cache, &other})
    CHECK(support::cause_of([&] {
            waiting->resolve(
                model("a"), [] { return "y"; }, stop.get_token());
          }) == error_cause::cancelled);
  leave = true;
}

TEST_CASE("a place that cannot be used is refused when the cache is made, and absorbed later") {
  const support::temporary_folder home;
  support::write_file(home / "file", "x");
  CHECK(support::cause_of([&] { texts{home / "file"}; }) == error_cause::io);
  texts off{home / "file", {.off = true}};
  CHECK(off.resolve(model("a"), [] { return "x"; }) == "x");
  CHECK(support::cause_of([&] { texts{home.path(), {.expiry = -1min}}; }) == error_cause::invalid_argument);
  texts cache{home / "h"};
  std::filesystem::remove_all(home / "h");
  support::write_file(home / "h", "in the way");
  CHECK(cache.resolve(model("a").secret("k", "v"), [] { return "x"; }) == "x");
  CHECK(cache.find(model("a")) == std::nullopt);
  CHECK(cache.purge() == 0);
  CHECK_FALSE(cache.erase(model("a")));
  CHECK(cache.stats().refused == 1);
  CHECK(cache.stats().errors.total() > 0);
  std::filesystem::remove(home / "h");
  CHECK(cache.resolve(model("a"), [] { return "x"; }) == "x");  // the folders are made again
  CHECK(cache.find(model("a")) == std::string("x"));
}
