#include <larder/sync/write_back_queue.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"

using namespace std::chrono_literals;

namespace {

using queue = larder::sync::write_back_queue<std::string, std::string, std::hash<std::string>>;
using change = std::pair<std::string, std::optional<std::string>>;

/// Takes what a queue writes; each write waits for a permit.
class sink {
 public:
  auto writer() {
    return [this](const std::string& key, const std::optional<std::string>& value) {
      begun_.release();
      permits_.acquire();
      const std::lock_guard lock(mutex_);
      writes_.emplace_back(key, value);
    };
  }
  void wait_for_a_write_to_begin() { begun_.acquire(); }
  void permit(int n = 1) { permits_.release(n); }
  std::vector<change> writes() {
    const std::lock_guard lock(mutex_);
    return writes_;
  }

 private:
  std::counting_semaphore<100000> begun_{0};
  std::counting_semaphore<100000> permits_{0};
  std::mutex mutex_;
  std::vector<change> writes_;
};

}  // namespace

TEST_CASE("changes are written in their order, and seen by look-ups until they are") {
  sink s;
  queue q(s.writer(), {.most_bytes = 1000}, {});
  q.put("a", "1", 1);
  q.put("b", "2", 1);
  q.put("c", std::nullopt, 0);
  CHECK(q.look("a").value == "1");
  CHECK(q.look("c").known);
  CHECK(!q.look("c").value);
  CHECK(!q.look("d").known);
  CHECK(q.size() == 3);
  CHECK(!q.flush(1ms));
  s.permit(3);
  CHECK(q.flush(1h));
  CHECK(q.size() == 0);
  CHECK(!q.look("a").known);
  CHECK(s.writes() == std::vector<change>{{"a", "1"}, {"b", "2"}, {"c", std::nullopt}});
}

TEST_CASE("a key that changes again before it is written is written once, with its last value") {
  sink s;
  queue q(s.writer(), {.most_bytes = 1000}, {});
  q.put("z", "0", 1);
  s.wait_for_a_write_to_begin();  // so that "a" stays in the queue
  q.put("a", "1", 1);
  q.put("a", std::nullopt, 0);
  q.put("a", "3", 1);
  CHECK(q.look("a").value == "3");
  s.permit(2);
  CHECK(q.flush(1h));
  CHECK(s.writes() == std::vector<change>{{"z", "0"}, {"a", "3"}});
}

TEST_CASE("a key that changes while it is being written is written again") {
  sink s;
  queue q(s.writer(), {.most_bytes = 1000}, {});
  q.put("a", "1", 1);
  s.wait_for_a_write_to_begin();
  q.put("a", "2", 1);
  s.permit();
  s.wait_for_a_write_to_begin();
  CHECK(q.look("a").value == "2");
  q.put("a", std::nullopt, 0);
  s.permit(2);
  CHECK(q.flush(1h));
  CHECK(s.writes() == std::vector<change>{{"a", "1"}, {"a", "2"}, {"a", std::nullopt}});
}

TEST_CASE("beyond the bound a put waits for room; a value larger than the bound goes alone") {
  sink s;
  queue q(s.writer(), {.most_bytes = 10}, {});
  q.put("a", "aaaaaaaa", 8);
  s.wait_for_a_write_to_begin();
  std::atomic<bool> second{false};
  std::thread putter([&] {
    q.put("b", "bbbb", 4);
    second = true;
  });
  // The queue cannot be seen to hold back for ever, but never may both be in it at once.
  for (int i = 0; i < 200; ++i) {
    REQUIRE(q.size() == 1);
    REQUIRE(!second);
    std::this_thread::yield();
  }
  s.permit();
  putter.join();
  CHECK(second);
  s.permit();
  CHECK(q.flush(1h));
  q.put("c", std::string(50, 'c'), 50);
  CHECK(q.size() == 1);
  s.permit();
  CHECK(q.flush(1h));
}

TEST_CASE("a replacement in a full queue needs only the room beyond what it replaces") {
  sink s;
  queue q(s.writer(), {.most_bytes = 10}, {});
  q.put("a", "aaaaaaaa", 8);
  s.wait_for_a_write_to_begin();
  auto replaced = std::async(std::launch::async, [&] { q.put("a", "AAAAAAAA", 8); });
  const bool at_once = replaced.wait_for(10s) == std::future_status::ready;
  s.permit(2);
  replaced.wait();
  CHECK(at_once);
  CHECK(q.flush(1h));
  CHECK(s.writes().back() == change{"a", "AAAAAAAA"});
}

TEST_CASE("clear forgets what is pending and waits for the write that runs, so that it comes before what follows") {
  sink s;
  queue q(s.writer(), {.most_bytes = 1000}, {});
  q.put("a", "1", 1);
  q.put("b", "2", 1);
  s.wait_for_a_write_to_begin();
  std::atomic<bool> cleared{false};
  std::thread clearer([&] {
    q.clear();
    cleared = true;
  });
  while (q.size() != 1) std::this_thread::yield();  // only the write that runs is left
  CHECK(!cleared);
  s.permit();
  clearer.join();
  CHECK(q.size() == 0);
  CHECK(s.writes() == std::vector<change>{{"a", "1"}});
  q.put("c", "3", 1);
  s.permit();
  CHECK(q.flush(1h));
  CHECK(s.writes() == std::vector<change>{{"a", "1"}, {"c", "3"}});
}

TEST_CASE("what is put while clear waits for the running write is kept, as put after it") {
  for (const std::string key : {"a", "b"}) {  // the key that is being written, and another
    CAPTURE(key);
    sink s;
    queue q(s.writer(), {.most_bytes = 1000}, {});
    q.put("a", "1", 1);
    q.put("x", "0", 1);
    s.wait_for_a_write_to_begin();
    std::thread clearer([&] { q.clear(); });
    while (q.look("x").known) std::this_thread::yield();  // clear has begun
    q.put(key, "2", 1);
    s.permit(2);
    clearer.join();
    CHECK(q.flush(1h));
    CHECK(s.writes() == std::vector<change>{{"a", "1"}, {key, "2"}});
  }
}

TEST_CASE("a value that is withdrawn is erased, also when it was just being written") {
  sink s;
  queue q(s.writer(), {.most_bytes = 1000}, {});
  q.put("a", "1", 1);
  q.put("b", "2", 1);
  q.put("c", std::nullopt, 0);
  s.wait_for_a_write_to_begin();
  CHECK(q.keys().size() == 3);
  CHECK(q.withdraw("a").value.has_value());
  CHECK(q.withdraw("b").value.has_value());
  const auto erase = q.withdraw("c");
  CHECK((erase.known && !erase.value));
  CHECK_FALSE(q.withdraw("d").known);
  CHECK(q.look("a").known);
  CHECK(!q.look("a").value);
  s.permit(4);
  CHECK(q.flush(1h));
  CHECK(s.writes() == std::vector<change>{{"a", "1"}, {"b", std::nullopt}, {"c", std::nullopt}, {"a", std::nullopt}});
}

TEST_CASE("the destructor writes what is pending") {
  std::map<std::string, std::string> written;
  {
    queue q([&](const std::string& key, const std::optional<std::string>& value) { written[key] = value.value_or("erased"); }, {.most_bytes = 1000}, {});
    for (int i = 0; i < 100; ++i) q.put(std::to_string(i), std::to_string(i * i), 2);
    q.put("7", std::nullopt, 0);
  }
  CHECK(written.size() == 100);
  CHECK(written["9"] == "81");
  CHECK(written["7"] == "erased");
}

TEST_CASE("a flush may have the longest deadline there is, and none at all") {
  queue q([](const std::string&, const std::optional<std::string>&) {}, {.most_bytes = 1000}, {});
  for (int i = 0; i < 20; ++i) q.put(std::to_string(i), "v", 1);
  CHECK(q.flush(larder::duration::max()));
  CHECK(q.flush(larder::duration{0}));
  CHECK(q.flush(larder::duration{-5}));
}

TEST_CASE("four threads and many keys: the last value of each key is what is written last") {
  std::mutex mutex;
  std::map<std::string, std::optional<std::string>> written;
  std::map<std::string, std::optional<std::string>> expected;
  {
    queue q(
        [&](const std::string& key, const std::optional<std::string>& value) {
          const std::lock_guard lock(mutex);
          written[key] = value;
        },
        {.most_bytes = 100}, {});
    std::vector<std::thread> threads;
    std::mutex expected_mutex;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        std::map<std::string, std::optional<std::string>> mine;
        for (int i = 0; i < 500; ++i) {
          const std::string key = std::to_string(t) + "." + std::to_string(i % 7);  // each thread has keys of its own
          std::optional<std::string> value;
          if (i % 5 != 0) value = std::to_string(i);
          q.put(key, value, value ? value->size() : 0);
          const auto seen = q.look(key);
          if (seen.known && seen.value != value) throw std::logic_error("an older value is pending");
          mine[key] = value;
        }
        const std::lock_guard lock(expected_mutex);
        expected.merge(mine);
      });
    for (std::thread& t : threads) t.join();
    CHECK(q.flush(1h));
  }
  CHECK(written == expected);
}

TEST_CASE("a full queue that may drop lets the oldest values go, never an erase, and tells of them") {
  sink s;
  std::vector<std::string> dropped;
  queue q(s.writer(), {.most_bytes = 10, .when_full = larder::full_queue::drop_oldest}, {}, [&](const std::string& key) { dropped.push_back(key); });
  q.put("running", "1234", 4);
  s.wait_for_a_write_to_begin();
  q.put("gone", std::nullopt, 0);
  q.put("old", "12", 2);
  q.put("older than new", "123", 3);
  CHECK(q.weight() == 9);
  q.put("new", "1234", 4);  // room for it only when both go that are not just being written
  CHECK(dropped == std::vector<std::string>{"old", "older than new"});
  CHECK(q.dropped() == 2);
  CHECK_FALSE(q.look("old").known);
  CHECK(q.look("gone").known);
  q.put("new", "123456789", 9);  // beyond the bound by what is just being written, without a wait
  CHECK(q.weight() == 13);
  s.permit(10);
  CHECK(q.flush(30s));
  const std::vector<change> writes = s.writes();
  CHECK(std::find(writes.begin(), writes.end(), change{"gone", std::nullopt}) != writes.end());
  CHECK(std::find(writes.begin(), writes.end(), change{"new", "123456789"}) != writes.end());
  CHECK(writes.size() == 3);
  CHECK(q.weight() == 0);
  q.reset_dropped();
  CHECK(q.dropped() == 0);
}

TEST_CASE("the destructor gives up at the deadline that was set") {
  constexpr int changes = 50'000;
  sink s;
  std::optional<queue> q(std::in_place, s.writer(), larder::write_back_options{.flush_deadline = larder::duration{0}}, std::hash<std::string>{});
  for (int i = 0; i < changes; ++i) q->put(std::to_string(i), "1", 1);
  s.wait_for_a_write_to_begin();
  std::atomic<bool> ended = false;
  std::thread ending([&] {
    q.reset();
    ended = true;
  });
  // One write a millisecond: not all of them in the time that this waits, whenever the other thread comes to its turn.
  CHECK(support::eventually([&] {
    s.permit();
    return ended.load();
  }));
  s.permit(ended ? 0 : changes);
  ending.join();
  CHECK(s.writes().size() < changes);
}
