#include <larder/remote/redis_lock.hpp>
#include <support/redis_script.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/patient_timeouts.hpp"
#include "support/redis_missing.hpp"
#include "support/redis_server.hpp"
#include "support/sanitizers.hpp"

namespace {

using namespace std::chrono_literals;
using namespace support;
using larder::remote::redis_client;
using larder::remote::redis_lock;
using larder::remote::redis_lock_keeper;
using larder::remote::redis_settings;

redis_settings settings_of(const redis_server& server) {
  redis_settings out;
  out.address = server.address();
  out.login.timeouts = patient;
  return out;
}

/// What another machine is to the server.
struct machine {
  explicit machine(const redis_server& server, std::chrono::milliseconds time)
      : client(settings_of(server)), keeper(client, time) {}
  redis_client client;
  redis_lock_keeper keeper;
};

TEST_CASE("a lock is one holder's until it is released, and the release of another's does nothing") {
  if (redis_missing()) return;
  const redis_server server;
  machine a(server, 60s);
  machine b(server, 60s);
  redis_lock first(a.keeper, "k");
  redis_lock second(b.keeper, "k");
  CHECK(!first.holds());
  CHECK(!first.release());
  REQUIRE(first.try_acquire());
  CHECK(first.try_acquire());
  CHECK(first.holds());
  CHECK(!second.try_acquire());
  CHECK(!second.acquire({}, 30ms));
  CHECK(!second.release());
  CHECK(first.renew());
  CHECK(first.confirm());
  CHECK(!second.renew());
  const auto left = server.ask({"PTTL", "k"}).number;
  CHECK(left > 0);
  CHECK(left <= 60'000);
  CHECK(first.release());
  CHECK(second.try_acquire());
  {
    redis_lock moved(std::move(second));
    CHECK(moved.holds());
  }
  CHECK(server.ask({"EXISTS", "k"}).number == 0);
}

TEST_CASE("a lock that is held longer than its time is renewed, and one that was revoked is lost and not stolen back") {
  if (redis_missing()) return;
  const redis_server server;
  machine a(server, 400ms);
  machine b(server, 60s);
  redis_lock held(a.keeper, "k");
  REQUIRE(held.try_acquire());
  const auto until = std::chrono::steady_clock::now() + 1200ms;  // three times as long as nobody would renew it
  redis_lock other(b.keeper, "k");
  while (std::chrono::steady_clock::now() < until) {
    if (held.is_lost()) break;  // this machine was too busy for the thread to renew: nothing to see
    CHECK(!other.try_acquire());
    std::this_thread::sleep_for(20ms);
  }
  if (!held.is_lost()) {
    CHECK(b.keeper.revoke("k"));
    CHECK(support::eventually([&] { return held.is_lost(); }));  // its thread sees it
  }
  REQUIRE(other.acquire({}, 20s));
  CHECK(!held.holds());
  CHECK(!held.confirm());
  CHECK(!held.release());
  CHECK(other.confirm());
}

TEST_CASE("the lock of a process that was killed ends with its time") {
  if (redis_missing()) return;
  const redis_server server;
  machine here(server, 60s);
  const pid_t child = ::fork();
  if (child == 0) {
    machine there(server, 300ms);
    redis_lock lock(there.keeper, "k");
    const bool got = lock.try_acquire();
    ::kill(::getpid(), SIGKILL);
    ::_exit(got ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  redis_lock lock(here.keeper, "k");
  CHECK(lock.acquire({}, 20s));
}

TEST_CASE("a wait for a lock ends when a stop is requested") {
  if (redis_missing()) return;
  const redis_server server;
  machine a(server, 60s);
  machine b(server, 60s);
  redis_lock held(a.keeper, "k");
  REQUIRE(held.try_acquire());
  std::stop_source stop;
  std::thread stopping([&] { stop.request_stop(); });
  redis_lock waiting(b.keeper, "k");
  CHECK(!waiting.acquire(stop.get_token()));
  stopping.join();
}

TEST_CASE("of many threads and machines one at a time is inside") {
  if (redis_missing()) return;
  const redis_server server;
  machine a(server, 60s);
  machine b(server, 60s);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> entered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        redis_lock lock((t % 2 == 0 ? a : b).keeper, "k");
        if (!lock.acquire({}, 20s)) continue;
        if (++inside != 1) ++most;
        ++entered;
        --inside;
      }
    });
  for (std::thread& each : threads) each.join();
  CHECK(most == 0);
  CHECK(entered == 30);
}

TEST_CASE("a child of fork holds none of its parent's locks and releases none") {
  if (redis_missing()) return;
  const redis_server server;
  machine a(server, 60s);
  redis_lock held(a.keeper, "k");
  REQUIRE(held.try_acquire());
  const pid_t child = ::fork();
  if (child == 0) {
    bool right = held.is_lost() && !held.holds() && !held.release();
#if !defined(__SANITIZE_THREAD__)  // which does not let the child of a program with threads start its own
    redis_lock own(a.keeper, "other");
    right = right && own.try_acquire() && own.release();
#endif
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(held.confirm());
}

TEST_CASE("a lock whose server cannot be asked is held until its time is over, not longer") {
  if (redis_missing()) return;
  redis_server server;
  machine a(server, 500ms);
  redis_lock held(a.keeper, "k");
  REQUIRE(held.try_acquire());
  server.kill();
  CHECK(support::eventually([&] { return held.is_lost(); }));
  CHECK(!held.release());
  CHECK_THROWS_AS(held.try_acquire(), larder::error);
}

TEST_CASE("a lock too short to be renewed in time is refused") {
  redis_settings nowhere;
  redis_client client(nowhere);
  CHECK_THROWS_AS(redis_lock_keeper(client, 29ms), larder::error);
}

}  // namespace
