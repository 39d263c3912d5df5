// What a child of fork may do with pools, queues and caches whose threads stayed in its parent.
#include <larder/sync/per_process.hpp>

#include <larder/larder.hpp>
#include <larder/sync/worker_pool.hpp>
#include <larder/sync/write_back_queue.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/sanitizers.hpp"

using namespace larder::literals;

namespace {

constexpr int time_limit_ms = 30'000;

/// f() in a child, which must say true and end before it is killed.
template <class F>
void in_child(F&& f) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(f() ? 0 : 1);
  ::close(ends[1]);
  ::pollfd closed{ends[0], POLLIN, 0};  // by the child's end
  const bool in_time = ::poll(&closed, 1, time_limit_ms) == 1;
  if (!in_time) ::kill(child, SIGKILL);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  ::close(ends[0]);
  CHECK(in_time);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

using queue = larder::sync::write_back_queue<std::string, int, std::hash<std::string>>;

}  // namespace

TEST_CASE("per_process: made when first asked for, one per process") {
  struct counted {
    explicit counted(std::atomic<int>* alive) : alive_(alive) { ++*alive_; }
    ~counted() { --*alive_; }
    std::atomic<int>* alive_;
    int value = 0;
  };
  std::atomic<int> alive{0};
  {
    auto held = std::make_unique<larder::sync::per_process<counted, std::atomic<int>*>>(&alive);
    CHECK(held->find() == nullptr);
    CHECK(held->peek() == nullptr);
    CHECK(alive == 0);
    held->get().value = 7;
    CHECK(held->find() == &held->get());
    CHECK(held->peek() == &held->get());
    CHECK(alive == 1);
    in_child([&] {
      bool good = held->find() == nullptr && held->peek()->value == 7;
      good = good && held->get().value == 0 && held->find() == &held->get() && alive == 2;
      held.reset();
      return good && alive == 1;  // its own is gone, its parent's is left
    });
    in_child([&] { return held.reset(), alive == 1; });
    CHECK(held->get().value == 7);
  }
  CHECK(alive == 0);
}

TEST_CASE("a child destroys a pool with idle, running and waiting work of its parent's at once") {
  auto pool = std::make_unique<larder::sync::worker_pool<>>(2);
  std::atomic<int> run{0};
  pool->post([&] { ++run; });
  pool->drain();
  in_child([&] { return pool.reset(), true; });

  std::counting_semaphore<8> entered(0);
  std::counting_semaphore<8> go_on(0);
  for (int i = 0; i < 4; ++i)
    pool->post([&] {
      entered.release();
      go_on.acquire();
      ++run;
    });
  entered.acquire();
  entered.acquire();
  in_child([&] {
    pool->drain();  // nothing of its own
    pool.reset();
    return true;
  });
  go_on.release(4);
  pool->drain();
  CHECK(run == 5);
}

TEST_CASE("a child destroys a queue that its parent still writes; the parent writes everything, and once") {
  std::mutex mutex;
  std::map<std::string, int> written;
  std::binary_semaphore entered(0);
  std::counting_semaphore<8> go_on(0);
  auto q = std::make_unique<queue>(
      [&](const std::string& key, const std::optional<int>& value) {
        entered.release();
        go_on.acquire();
        const std::lock_guard lock(mutex);
        written[key] += value.value_or(0);
      },
      larder::write_back_options{.most_bytes = 1000}, std::hash<std::string>{});
  q->put("a", 1, 1);
  q->put("b", 2, 1);
  entered.acquire();
  in_child([&] {
    const bool nothing = q->size() == 0 && q->keys().empty() && !q->look("a").known && !q->withdraw("b").known && q->flush(0s);
    q->clear();
    q.reset();
    return nothing && written.empty();
  });
  CHECK(q->look("b").known);
  go_on.release(2);
  entered.acquire();
  CHECK(q->flush(1h));
  CHECK(written == std::map<std::string, int>{{"a", 1}, {"b", 2}});
  in_child([&] { return q.reset(), true; });
}

TEST_CASE("a child destroys a cache that used threads of its own before the fork") {
  using cache = larder::cache<std::string, int, larder::max_entries, larder::refresh_after_write, larder::time_source<larder::manual_clock>>;
  larder::manual_clock now;
  auto c = std::make_unique<cache>(larder::max_entries{10}, larder::refresh_after_write{10s}, larder::time_source{now});
  CHECK(c->get_or_load_async("a", [] { return 1; }).get() == 1);
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // the thread begins to wait for more
  in_child([&] { return c.reset(), true; });

  std::binary_semaphore entered(0);
  std::binary_semaphore go_on(0);
  now += 11s;
  CHECK(c->get_or_load("a", [&] {
    entered.release();
    go_on.acquire();
    return 2;
  }) == 1);
  entered.acquire();  // the refresh runs
  in_child([&] {
    const bool served = c->get("a") == 1;
    c.reset();
    return served;
  });
  go_on.release();
  c.reset();
}

TEST_CASE("a child waits for no load that its parent's threads were at, flying or storing") {
  using weigh = std::function<int(const std::string&, int)>;
  using cache = larder::cache<std::string, int, larder::max_weight, larder::weigher<weigh>>;
  std::counting_semaphore<2> entered(0);
  std::counting_semaphore<2> go_on(0);
  const auto wait_here = [&] {
    entered.release();
    go_on.acquire();
  };
  auto c = std::make_unique<cache>(larder::max_weight{100}, larder::weigher<weigh>{[&](const std::string& key, int value) {
                                     if (key == "stored" && value == 1) wait_here();
                                     return 1;
                                   }});
  std::thread flying([&] { CHECK(c->get_or_load("flying", [&] { return wait_here(), 1; }) == 1); });
  std::thread storing([&] { CHECK(c->get_or_load("stored", [] { return 1; }) == 1); });
  entered.acquire();
  entered.acquire();
  in_child([&] { return c->put("stored", 2) && c->erase("stored") && c->get_or_load("flying", [] { return 3; }) == 3 && c->get("flying") == 3; });
  in_child([&] { return c->get_or_load("stored", [] { return 2; }) == 2 && c->put("flying", 3) && c->get("stored") == 2; });
  in_child([&] {
    c->clear();
    const bool empty = c->empty();
    c.reset();
    return empty;
  });
  go_on.release(2);
  flying.join();
  storing.join();
  CHECK(c->get("flying") == 1);
  CHECK(c->get("stored") == 1);
}

TEST_CASE("a child destroys tiers that write back, in no time") {
  using cache = larder::cache<std::string, std::string, larder::max_entries>;
  cache fast{larder::max_entries{10}};
  cache slow{larder::max_entries{10}};
  using tiers = decltype(larder::tiered{fast, larder::write_back(slow)});
  auto both = std::make_unique<tiers>(fast, larder::write_back(slow));
  both->put("a", "1");
  CHECK(both->flush());
  in_child([&] {
    const bool there = both->get("a") == "1";
    both.reset();
    return there;
  });
  CHECK(slow.get("a") == "1");
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)  // which do not let the child of a program with threads start its own
TEST_CASE("a child has threads of its own where it needs them") {
  using cache = larder::cache<std::string, std::string, larder::max_entries>;
  auto c = std::make_unique<cache>(larder::max_entries{10});
  cache slow{larder::max_entries{10}};
  using tiers = decltype(larder::tiered{*c, larder::write_back(slow)});
  auto both = std::make_unique<tiers>(*c, larder::write_back(slow));
  for (int round = 0; round < 5; ++round) {
    CHECK(c->get_or_load_async("a", [] { return std::string("1"); }).get() == "1");
    both->put("b", "2");
    CHECK(both->flush());  // so that no thread is inside a cache at the fork
    in_child([&] {
      bool good = c->get_or_load_async("c", [] { return std::string("3"); }).get() == "3";
      both->put("d", "4");
      good = good && both->flush() && slow.get("d") == "4";
      both->put("e", "5");
      both.reset();
      good = good && slow.get("e") == "5";
      c.reset();
      return good;
    });
  }
  CHECK_FALSE(c->contains("c"));
  CHECK(slow.get("b") == "2");
  CHECK_FALSE(slow.contains("d"));
}
#endif
