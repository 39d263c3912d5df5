#include <larder/remote/token_cache.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/sanitizers.hpp"

namespace {

using namespace std::chrono_literals;
namespace remote = larder::remote;
using larder::error_cause;
using larder::manual_clock;
using remote::access_token;

/// What the fetches of a test do, and how many there were. A closed gate holds them.
struct directory {
  access_token answer(std::stop_token stop, larder::instant asked_at) {
    std::unique_lock lock(mutex);
    const int number = ++fetches;
    changed.notify_all();
    changed.wait_for(lock, stop, 20s, [&] { return open; });
    if (stop.stop_requested()) {
      ++stopped;
      throw larder::error(error_cause::cancelled, "stopped");
    }
    const std::function<access_token(int, larder::instant)> make = behaviour;
    lock.unlock();
    return make(number, asked_at);
  }
  void set(std::function<access_token(int, larder::instant)> next) {
    const std::lock_guard lock(mutex);
    behaviour = std::move(next);
  }
  void open_gate(bool now_open) {
    const std::lock_guard lock(mutex);
    open = now_open;
    changed.notify_all();
  }
  bool wait_for_fetch(int number) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, [&] { return fetches >= number; });
  }
  int count() {
    const std::lock_guard lock(mutex);
    return fetches;
  }

  std::mutex mutex;
  std::condition_variable_any changed;
  bool open = true;
  int fetches = 0;
  int stopped = 0;
  std::function<access_token(int, larder::instant)> behaviour = [](int number, larder::instant asked_at) {
    return access_token{.text = "token-" + std::to_string(number), .expires = asked_at + 1h};
  };
};

struct asking {
  explicit asking(directory& d) : whom(&d) {}
  access_token fetch(std::stop_token stop, larder::instant asked_at) { return whom->answer(std::move(stop), asked_at); }
  directory* whom;
};

using cache_type = remote::token_cache<asking, manual_clock>;

struct fixture {
  manual_clock clock{1'700'000'000s};
  directory service;
  cache_type cache{remote::token_renewal{}, larder::time_source<manual_clock>(clock), service};

  std::string token() { return std::string(cache.token().reveal()); }
  /// Waits until so many fetches have ended, which is later than `wait_for_fetch`.
  bool landed(std::uint64_t number) {
    return support::eventually([&] { return cache.fetches() >= number; }) && cache.fetches() == number;
  }
  /// Asks until the token is that one: what a fetch beside brings is there soon, not at once.
  bool comes(const std::string& expected) {
    return support::eventually([&] { return token() == expected; });
  }
};

access_token refused(int, larder::instant) { throw larder::error(error_cause::server, "the directory is ill"); }

std::optional<larder::error> failure_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const larder::error& thrown) {
    return thrown;
  }
  return std::nullopt;
}

}  // namespace

static_assert(remote::token_credential<asking>);

TEST_CASE("a token is fetched when it is first asked for, and kept") {
  fixture f;
  CHECK(f.service.count() == 0);
  CHECK(f.token() == "token-1");
  f.clock += 54min + 59s;
  CHECK(f.token() == "token-1");
  CHECK(f.service.count() == 1);
}

TEST_CASE("sixteen threads that ask at once make one fetch") {
  fixture f;
  f.service.open_gate(false);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&] {
      if (f.token() == "token-1") ++right;
    });
  CHECK(f.service.wait_for_fetch(1));
  f.service.open_gate(true);
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 16);
  CHECK(f.service.count() == 1);
}

TEST_CASE("with five minutes left the old token is handed out while one fetch runs beside") {
  fixture f;
  CHECK(f.token() == "token-1");
  f.service.open_gate(false);
  f.clock += 55min;
  for (int i = 0; i < 100; ++i) CHECK(f.token() == "token-1");  // nobody waits: the gate is closed
  CHECK(f.service.wait_for_fetch(2));
  CHECK(f.service.count() == 2);
  f.service.open_gate(true);
  CHECK(f.comes("token-2"));
  CHECK(f.service.count() == 2);
}

TEST_CASE("a service that asks to be asked earlier is") {
  fixture f;
  f.service.set([](int number, larder::instant asked_at) {
    return access_token{.text = "token-" + std::to_string(number), .expires = asked_at + 24h, .refresh_at = asked_at + 12h};
  });
  CHECK(f.token() == "token-1");
  f.clock += 12h - 1s;
  CHECK(f.token() == "token-1");
  CHECK(f.service.count() == 1);
  f.clock += 1s;
  CHECK(f.comes("token-2"));
}

TEST_CASE("with less than two minutes left whoever asks waits for the next token") {
  fixture f;
  CHECK(f.token() == "token-1");
  f.clock += 58min;
  CHECK(f.token() == "token-2");
}

TEST_CASE("a refresh that fails leaves the old token in use until its end, and its failure is told only then") {
  fixture f;
  CHECK(f.token() == "token-1");
  f.service.set(refused);
  f.clock += 56min;
  CHECK(f.token() == "token-1");
  CHECK(f.landed(2));
  f.clock += 3min;  // less than two minutes are left: waits for the third fetch, in vain
  CHECK(f.token() == "token-1");
  CHECK(f.landed(3));
  f.clock += 59s;
  CHECK(f.token() == "token-1");
  f.clock += 1s;
  const std::optional<larder::error> thrown = failure_of([&] { f.token(); });
  REQUIRE(thrown);
  CHECK(std::string(thrown->what()) == "larder: the directory is ill");
  f.service.set([](int, larder::instant asked_at) { return access_token{.text = "well-again", .expires = asked_at + 1h}; });
  f.clock += 30s;
  CHECK(f.token() == "well-again");
}

TEST_CASE("a failure is told to all who ask for thirty seconds, and asked about again after that") {
  fixture f;
  f.service.set(refused);
  for (int i = 0; i < 10; ++i) {
    const std::optional<larder::error> thrown = failure_of([&] { f.token(); });
    REQUIRE(thrown);
    CHECK(thrown->cause() == error_cause::server);
  }
  CHECK(f.service.count() == 1);
  f.clock += 29s;
  CHECK(failure_of([&] { f.token(); }));
  CHECK(f.service.count() == 1);
  f.clock += 1s;
  CHECK(failure_of([&] { f.token(); }));
  CHECK(f.service.count() == 2);
}

TEST_CASE("a clock that is set back does not make a failure last") {
  fixture f;
  f.service.set(refused);
  CHECK(failure_of([&] { f.token(); }));
  f.clock += -24h;
  CHECK(failure_of([&] { f.token(); }));
  CHECK(f.service.count() == 2);
}

TEST_CASE("a service that has nothing newer is not asked again at once") {
  fixture f;
  const larder::instant end = f.clock.now() + 10min;
  f.service.set([end](int, larder::instant) { return access_token{.text = "the-same", .expires = end}; });
  CHECK(f.token() == "the-same");
  f.clock += 6min;
  CHECK(f.token() == "the-same");
  CHECK(f.landed(2));
  f.clock += 3min + 30s;  // also where whoever asks waits
  CHECK(f.token() == "the-same");
  CHECK(f.landed(3));
  for (int i = 0; i < 10; ++i) CHECK(f.token() == "the-same");
  CHECK(f.service.count() == 3);
}

TEST_CASE("a token whose life is short is renewed in the second half of it") {
  fixture f;
  f.service.set([](int number, larder::instant asked_at) {
    return access_token{.text = "token-" + std::to_string(number), .expires = asked_at + 3min};
  });
  CHECK(f.token() == "token-1");
  f.clock += 89s;
  CHECK(f.token() == "token-1");
  CHECK(f.service.count() == 1);
  f.clock += 1s;
  CHECK(f.comes("token-2"));
}

TEST_CASE("a token that is over before the pause is does not keep the next from being fetched") {
  fixture f;
  f.service.set([](int number, larder::instant asked_at) {
    return access_token{.text = "token-" + std::to_string(number), .expires = asked_at + 1s};
  });
  CHECK(f.token() == "token-1");
  f.clock += 2s;
  CHECK(f.token() == "token-2");
}

TEST_CASE("a rejected token is given up, but only that one") {
  fixture f;
  CHECK(f.token() == "token-1");
  f.cache.reject("token-1");
  CHECK(f.token() == "token-2");
  f.cache.reject("token-1");
  f.cache.reject("");
  CHECK(f.token() == "token-2");
  CHECK(f.service.count() == 2);
  f.cache.reject("token-2");
  CHECK(f.token() == "token-3");
}

TEST_CASE("a rejected token that comes again is kept for the pause, so that a refusing store does not make a fetch per request") {
  fixture f;
  f.service.set([](int, larder::instant asked_at) { return access_token{.text = "the-same", .expires = asked_at + 1h}; });
  for (int i = 0; i < 10; ++i) {
    CHECK(f.token() == "the-same");
    f.cache.reject("the-same");
  }
  CHECK(f.service.count() == 2);
  f.clock += 30s;
  f.cache.reject("the-same");
  CHECK(f.token() == "the-same");
  CHECK(f.service.count() == 3);
}

TEST_CASE("a rejected token is not served when the next fetch fails") {
  fixture f;
  CHECK(f.token() == "token-1");
  f.service.set(refused);
  f.cache.reject("token-1");
  CHECK(failure_of([&] { f.token(); }));
}

TEST_CASE("whoever waits can give up, by a stop or by time, and the fetch goes on for the others") {
  fixture f;
  f.service.open_gate(false);
  const std::optional<larder::error> late = failure_of([&] { f.cache.token_by({}, std::chrono::steady_clock::now()); });
  REQUIRE(late);
  CHECK(late->cause() == error_cause::timeout);
  std::stop_source stop;
  std::thread stopping([&] {
    f.service.wait_for_fetch(1);
    stop.request_stop();
  });
  const std::optional<larder::error> stopped =
      failure_of([&] { f.cache.token_by(stop.get_token(), std::chrono::steady_clock::time_point::max()); });
  stopping.join();
  REQUIRE(stopped);
  CHECK(stopped->cause() == error_cause::cancelled);
  f.service.open_gate(true);
  CHECK(f.token() == "token-1");
  CHECK(f.service.count() == 1);
}

TEST_CASE("destroying the cache stops the fetch that is on its way") {
  directory service;
  manual_clock clock{1'700'000'000s};
  service.open_gate(false);
  {
    cache_type cache({}, larder::time_source<manual_clock>(clock), service);
    CHECK(failure_of([&] { cache.token_by({}, std::chrono::steady_clock::now()); }));
    CHECK(service.wait_for_fetch(1));
  }
  CHECK(service.stopped == 1);
}

TEST_CASE("what a credential throws besides larder::error is a failure without its words") {
  fixture f;
  f.service.set([](int, larder::instant) -> access_token { throw std::runtime_error("PLANTED-SECRET"); });
  const std::optional<larder::error> thrown = failure_of([&] { f.token(); });
  REQUIRE(thrown);
  CHECK(std::string(thrown->what()).find("PLANTED") == std::string::npos);
}

#if !defined(__SANITIZE_THREAD__)  // which does not let the child of a program with threads start its own
TEST_CASE("a child of fork does not wait for the fetch that its parent had begun") {
  struct slow_in_the_parent {
    access_token fetch(const std::stop_token& stop, larder::instant asked_at) {
      const bool in_parent = getpid() == parent;
      if (in_parent) begun = true;
      while (in_parent && !over && !stop.stop_requested()) std::this_thread::yield();
      return {.text = in_parent ? "of the parent" : "of the child", .expires = asked_at + 1h};
    }
    const pid_t parent = getpid();
    std::atomic<bool> begun{false};
    std::atomic<bool> over{false};
  };
  manual_clock clock{1'700'000'000s};
  remote::token_cache<slow_in_the_parent, manual_clock> cache({}, larder::time_source<manual_clock>(clock));
  CHECK(failure_of([&] { cache.token_by({}, std::chrono::steady_clock::now()); }));
  while (!cache.credential().begun) std::this_thread::yield();
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    bool right = false;
    try {
      right = cache.token().reveal() == "of the child";
    } catch (...) {
    }
    _exit(right ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  cache.credential().over = true;
  CHECK(cache.token().reveal() == "of the parent");
}
#endif

TEST_CASE("spans of renewal that contradict each other are refused") {
  directory service;
  manual_clock clock;
  const auto make = [&](remote::token_renewal renewal) {
    cache_type(renewal, larder::time_source<manual_clock>(clock), service);
  };
  CHECK(failure_of([&] { make({.ahead = 1min}); }));
  CHECK(failure_of([&] { make({.ahead = 0s, .least = -1s}); }));
  CHECK(failure_of([&] { make({.pause = -1s}); }));
  CHECK(!failure_of([&] { make({.ahead = 0s, .least = 0s, .pause = 0s}); }));
}

TEST_CASE("threads that ask, reject and move the clock at once get tokens") {
  fixture f;
  std::atomic<int> got{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 200; ++round) {
        const larder::secret token = f.cache.token();
        if (token.reveal().starts_with("token-")) ++got;
        if (i == 0) f.cache.reject(token);
        if (i == 1) f.clock += 1min;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(got == 1600);
}
