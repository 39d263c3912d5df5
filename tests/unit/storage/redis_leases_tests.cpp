// get_or_load of caches on one redis-server: one load per key at a time, whoever asks.

#include <larder/cache.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/redis.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/patient_timeouts.hpp"
#include "support/redis_missing.hpp"
#include "support/redis_server.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;

using cache_type = larder::cache<std::string, std::string, larder::unbounded, larder::redis>;
larder::redis at(const redis_server& server, std::chrono::milliseconds lease = 60s) {
  return {.unix_socket = server.socket_file(), .timeouts = patient, .lookup_budget = patient.first_byte, .load_lease = lease};
}
std::size_t locks(const redis_server& server) { return server.ask({"KEYS", "larder:#lock/*"}).elements.size(); }

TEST_CASE("caches of several machines load a key once, and the others get its value") {
  if (redis_missing()) return;
  const redis_server server;
  cache_type a(larder::unbounded{}, at(server));
  cache_type b(larder::unbounded{}, at(server));
  std::atomic<int> loads{0};
  std::promise<void> begun;
  std::promise<void> go_on;
  std::thread holder([&] {
    CHECK(a.get_or_load("k", [&](const std::string&) {
      ++loads;
      begun.set_value();
      go_on.get_future().wait();
      return std::string("value");
    }) == "value");
  });
  begun.get_future().wait();
  CHECK(locks(server) == 1);
  auto waiting = std::async(std::launch::async, [&] {
    return b.get_or_load("k", [&](const std::string&) {
      ++loads;
      return std::string("another");
    });
  });
  CHECK(support::eventually([&] { return b.stats().joined == 1; }));
  go_on.set_value();
  CHECK(waiting.get() == "value");
  holder.join();
  CHECK(loads == 1);
  CHECK(locks(server) == 0);
}

TEST_CASE("a loader that throws lets the next machine load") {
  if (redis_missing()) return;
  const redis_server server;
  cache_type a(larder::unbounded{}, at(server));
  cache_type b(larder::unbounded{}, at(server));
  CHECK_THROWS_AS(a.get_or_load("k", [](const std::string&) -> std::string { throw std::runtime_error("no"); }),
                  std::runtime_error);
  CHECK(locks(server) == 0);
  CHECK(b.get_or_load("k", [](const std::string&) { return std::string("b"); }) == "b");
}

TEST_CASE("an erase by another machine during a load wins: the value is returned, not stored") {
  if (redis_missing()) return;
  const redis_server server;
  cache_type a(larder::unbounded{}, at(server));
  cache_type b(larder::unbounded{}, at(server));
  CHECK(a.get_or_load("k", [&](const std::string&) {
    b.erase("k");
    return std::string("old");
  }) == "old");
  CHECK(!b.get("k"));
  CHECK(!a.get("k"));
  CHECK(a.put("k", "new"));
  CHECK(b.get("k") == "new");
}

TEST_CASE("a put by another machine during a load wins") {
  if (redis_missing()) return;
  const redis_server server;
  cache_type a(larder::unbounded{}, at(server));
  cache_type b(larder::unbounded{}, at(server));
  CHECK(a.get_or_load("k", [&](const std::string&) {
    CHECK(b.put("k", "put"));
    return std::string("loaded");
  }) == "loaded");
  CHECK(a.get("k") == "put");
}

TEST_CASE("the load of a process that was killed is followed once its lease is over") {
  if (redis_missing()) return;
  const redis_server server;
  const pid_t child = ::fork();
  if (child == 0) {
    cache_type there(larder::unbounded{}, at(server, 300ms));
    there.get_or_load("k", [](const std::string&) {
      ::kill(::getpid(), SIGKILL);
      return std::string("never");
    });
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  cache_type here(larder::unbounded{}, at(server));
  CHECK(here.get_or_load("k", [](const std::string&) { return std::string("here"); }) == "here");
  CHECK(here.get("k") == "here");
}

TEST_CASE("loaders that ask for each other's keys do not wait in a circle") {
  if (redis_missing()) return;
  const redis_server server;
  cache_type a(larder::unbounded{}, at(server));
  cache_type b(larder::unbounded{}, at(server));
  std::promise<void> a_begun;
  std::promise<void> b_begun;
  auto one = std::async(std::launch::async, [&] {
    return a.get_or_load("x", [&](const std::string&) {
      a_begun.set_value();
      b_begun.get_future().wait();
      return "x of " + a.get_or_load("y", [](const std::string&) { return std::string("y"); });
    });
  });
  auto other = std::async(std::launch::async, [&] {
    return b.get_or_load("y", [&](const std::string&) {
      b_begun.set_value();
      a_begun.get_future().wait();
      return "y of " + b.get_or_load("x", [](const std::string&) { return std::string("x"); });
    });
  });
  CHECK(one.get().starts_with("x of y"));
  CHECK(other.get().starts_with("y of x"));
}

TEST_CASE("batches of several machines load each key once") {
  if (redis_missing()) return;
  const redis_server server;
  cache_type a(larder::unbounded{}, at(server));
  cache_type b(larder::unbounded{}, at(server));
  std::atomic<int> loads{0};
  const auto load = [&](const std::vector<std::string>& keys) {
    loads += static_cast<int>(keys.size());
    std::vector<std::string> values;
    for (const std::string& key : keys) values.push_back("v" + key);
    return values;
  };
  const std::vector<std::string> keys{"1", "2", "3", "4", "5", "6"};
  const std::vector<std::string> backwards(keys.rbegin(), keys.rend());
  auto one = std::async(std::launch::async, [&] { return a.get_or_load_many(keys, load); });
  const auto other = b.get_or_load_many(backwards, load);
  CHECK(one.get() == std::vector<std::string>{"v1", "v2", "v3", "v4", "v5", "v6"});
  CHECK(other == std::vector<std::string>{"v6", "v5", "v4", "v3", "v2", "v1"});
  CHECK(loads == 6);
  CHECK(locks(server) == 0);
}

TEST_CASE("while the server is left alone every machine loads for itself, also who loads or waits as it goes") {
  if (redis_missing()) return;
  redis_server server;
  larder::redis calm = at(server);
  calm.breaker = {.failures = 1, .pause = 1h, .longest_pause = 1h};
  cache_type a(larder::unbounded{}, calm);
  cache_type b(larder::unbounded{}, calm);
  std::promise<void> loading;
  std::promise<void> gone;
  auto holder = std::async(std::launch::async, [&] {
    return a.get_or_load("k", [&](const std::string&) {
      loading.set_value();
      gone.get_future().wait();
      return std::string("of a");
    });
  });
  loading.get_future().wait();
  auto waiter =
      std::async(std::launch::async, [&] { return b.get_or_load("k", [](const std::string&) { return std::string("of b"); }); });
  CHECK(support::eventually([&] { return b.stats().remote->requests >= 3; }));  // it waits for a
  server.kill();
  CHECK(waiter.get() == "of b");
  gone.set_value();
  CHECK(holder.get() == "of a");
  CHECK(support::eventually([&] {
    static_cast<void>(a.get("k"));
    return a.stats().remote->state == larder::remote_state::degraded;
  }));
  int loads = 0;
  for (cache_type* each : {&a, &b})
    for (int i = 0; i < 5; ++i)
      CHECK(each->get_or_load("k" + std::to_string(i), [&](const std::string& key) {
        ++loads;
        return key;
      }) == "k" + std::to_string(i));
  CHECK(loads == 10);
  CHECK(a.stats().remote->refused_by_breaker > 0);
  CHECK(b.stats().remote->refused_by_breaker > 0);
}

TEST_CASE("without leases, or without a server, every machine loads for itself") {
  if (redis_missing()) return;
  redis_server server;
  cache_type alone(larder::unbounded{}, at(server, 0ms));
  CHECK(alone.get_or_load("k", [&](const std::string&) {
    CHECK(locks(server) == 0);
    return std::string("v");
  }) == "v");
  CHECK(alone.get("k") == "v");
  cache_type cache(larder::unbounded{}, at(server));
  server.kill();
  CHECK(cache.get_or_load("k", [](const std::string&) { return std::string("loaded"); }) == "loaded");
  CHECK(cache.stats().errors[larder::error_cause::network] > 0);
}

}  // namespace
