// Each key of a cache behaves as a variable that is read and written at single moments, whatever threads do at once: what they
// saw is written down, and an order of their calls that explains it is looked for.

#include "key_history.hpp"

#include <larder/cache.hpp>
#include <larder/eviction/adaptive.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/lfu.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/eviction/s3_fifo.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using call = key_history::call;
using kind = key_history::kind;

/// One after another unless said otherwise: `began` and `ended` of the i-th are 2i and 2i+1. Each call has a thread of its own.
key_history history(std::vector<call> calls, bool may_leave = true) {
  key_history made{{}, may_leave};
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].ended == 0) {
      calls[i].began = 2 * i;
      calls[i].ended = 2 * i + 1;
    }
    made.threads.push_back({calls[i]});
  }
  return made;
}
call put(std::uint64_t v) { return {kind::put, v, true, {}}; }
call get(std::optional<std::uint64_t> seen) { return {kind::get, 0, false, seen}; }
call erase(bool done) { return {kind::erase, 0, done, {}}; }
call put_if_absent(std::uint64_t v, bool done) { return {kind::put_if_absent, v, done, {}}; }
call load(std::uint64_t v, bool ran, std::uint64_t seen) { return {kind::load, v, ran, seen}; }
call during(call c, std::uint64_t began, std::uint64_t ended) {
  c.began = began;
  c.ended = ended;
  return c;
}

/// Threads that use few keys at once, most of all one; whether each key's history is explained.
template <class Cache>
void check(Cache& c, bool may_leave) {
  using value_type = typename Cache::mapped_type;
  const auto value_of = [](std::uint64_t v) {
    if constexpr (std::is_same_v<value_type, std::string>)
      return "a value that is too long to lie in the string: " + std::to_string(v);
    else
      return v;
  };
  const auto number_of = [](const std::optional<value_type>& v) -> std::optional<std::uint64_t> {
    if (!v) return std::nullopt;
    if constexpr (std::is_same_v<value_type, std::string>)
      return std::stoull(v->substr(v->find(": ") + 2));
    else
      return *v;
  };
  constexpr std::size_t threads = 3;
  constexpr std::size_t keys = 3;
  constexpr int calls_each = 20000;
  std::array<key_history, keys> histories;
  for (key_history& of : histories) of = {std::vector<std::vector<call>>(threads), may_leave};
  std::atomic<std::uint64_t> clock{1};
  std::latch ready(threads);

  const auto work = [&](std::size_t thread) {
    std::mt19937 random(static_cast<unsigned>(thread) + 7);
    std::uint64_t fresh = (thread + 1) * 1'000'000'000;
    ready.arrive_and_wait();
    for (int i = 0; i < calls_each; ++i) {
      const std::uint64_t k = random() % 4 == 0 ? random() % keys : 0;
      const auto which = random() % 10;
      if (may_leave && random() % 3 == 0) c.put(keys + random() % 5, value_of(++fresh));  // somebody has to leave for it
      call noted{kind::get, ++fresh, false, {}};
      noted.began = clock.fetch_add(1);
      if (which < 5) {
        noted.seen = number_of(c.get(k));
      } else if (which < 7) {
        noted.what = kind::put;
        c.put(k, value_of(fresh));
      } else if (which == 7) {
        noted.what = kind::put_if_absent;
        noted.done = c.put_if_absent(k, value_of(fresh));
      } else if (which == 8) {
        noted.what = kind::erase;
        noted.done = c.erase(k);
      } else {
        noted.what = kind::load;
        noted.seen = number_of(c.get_or_load(k, [&] {
          noted.done = true;
          return value_of(fresh);
        }));
      }
      noted.ended = clock.fetch_add(1);
      histories[k].threads[thread].push_back(noted);
    }
  };
  std::vector<std::thread> crew;
  for (std::size_t t = 0; t < threads; ++t) crew.emplace_back(work, t);
  for (std::thread& t : crew) t.join();

  std::size_t overlapping = 0;
  for (const key_history& of : histories) {
    CHECK(of.explained());
    overlapping += of.overlapping();
  }
  WARN(overlapping > 100);  // where threads hardly ever ran side by side, little was shown
}

template <class Order, class Value = std::uint64_t>
using narrow = larder::cache<std::uint64_t, Value, Order, larder::max_entries, larder::sharded<1>>;

}  // namespace

TEST_CASE("a history that one order of the calls explains is taken") {
  CHECK(history({put(1), get(1), erase(true), get({}), erase(false)}).explained());
  CHECK(history({put(1), get({}), put_if_absent(2, true), get(2)}).explained());        // it was evicted
  CHECK(history({during(put(1), 0, 9), during(get({}), 1, 2), during(get(1), 3, 4)}).explained());  // the put lies between both
  for (const std::uint64_t last : {1U, 2U}) CHECK(history({during(put(1), 0, 9), during(put(2), 0, 9), during(get(last), 10, 11)}).explained());
  CHECK(history({load(5, true, 5), get(5)}).explained());
  CHECK(history({during(load(5, true, 5), 0, 9), during(load(6, false, 5), 1, 8)}).explained());  // the second waited for the first
  // The first load found the value, which left then; the second waited for the first.
  CHECK(history({during(put(1), 0, 1), during(load(5, false, 1), 2, 9), during(get({}), 3, 4), during(load(6, false, 1), 5, 8)}).explained());
}

TEST_CASE("a history that no order explains is refused") {
  CHECK_FALSE(history({put(1), put(2), get(1)}).explained());                       // an old value
  CHECK_FALSE(history({put(1), erase(true), get(1)}).explained());                  // back from the dead
  CHECK_FALSE(history({put(1), get({}), get(1)}).explained());                      // gone, and there again
  CHECK_FALSE(history({get(7)}).explained());                                       // from nowhere
  CHECK_FALSE(history({put_if_absent(2, false)}).explained());                      // there was nothing
  CHECK_FALSE(history({put(1), get({})}, false).explained());                   // nothing may leave
  CHECK_FALSE(history({put(1), erase(false)}, false).explained());
  CHECK_FALSE(history({put(1), load(5, false, 5)}).explained());                    // a value that nobody loaded
  // The second load must not wait for what the first one found before the key was written.
  for (const call& write : {put(2), erase(true)})
    CHECK_FALSE(history({during(put(1), 0, 1), during(load(5, false, 1), 2, 9), during(write, 3, 4), during(load(6, false, 1), 5, 8)}).explained());
  CHECK_FALSE(history({put(1), get({}), load(6, false, 1)}).explained());           // nobody to wait for
  CHECK_FALSE(history({during(put(1), 0, 9), during(get(1), 1, 2), during(get({}), 3, 4), during(get(1), 5, 6)}).explained());
}

TEST_CASE_TEMPLATE("each key is read and written at single moments while entries are evicted", Cache, narrow<larder::clock>, narrow<larder::s3_fifo>,
                   narrow<larder::adaptive>, narrow<larder::lru>, narrow<larder::lfu>, narrow<larder::clock, std::string>,
                   larder::cache<std::uint64_t, std::uint64_t, larder::clock, larder::max_entries, larder::sharded<2>>) {
  Cache c(larder::max_entries{3});
  check(c, true);
}

TEST_CASE_TEMPLATE("each key is read and written at single moments where all have room", Cache, narrow<larder::clock>, narrow<larder::lru>,
                   narrow<larder::s3_fifo, std::string>) {
  Cache c(larder::max_entries{1000});
  check(c, false);
}
