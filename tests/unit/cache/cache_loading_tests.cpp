// get_or_load in all its forms, batches, futures, and who wins against a load.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

using namespace larder::literals;

namespace {

template <class Locking>
using numbers_of = larder::cache<std::string, int, larder::lru, larder::max_entries, Locking>;
using numbers = larder::cache<std::string, int, larder::lru, larder::max_entries>;

/// A loader that says when it runs and returns when it may.
class gate {
 public:
  int operator()(const std::string&) {
    entered_.set_value();
    return open_.get_future().get();
  }
  void wait_until_entered() { entered_.get_future().wait(); }
  void open(int value) { open_.set_value(value); }

 private:
  std::promise<void> entered_;
  std::promise<int> open_;
};

const auto lengths = [](const std::vector<std::string>& keys) {
  std::vector<int> values;
  for (const std::string& key : keys) values.push_back(static_cast<int>(key.size()));
  return values;
};

template <class F>
larder::error_cause cause_of(F&& f) {
  try {
    f();
  } catch (const larder::error& e) {
    return e.cause();
  }
  FAIL("did not throw larder::error");
  return larder::error_cause::io;
}

// A mutex, an atomic or a condition variable would not let it be copied.
template <class Locking, template <class, class, class, class> class Loading>
constexpr bool copyable = sizeof(numbers_of<Locking>) != 0 && std::is_copy_constructible_v<
    Loading<std::string, int, larder::storage::engine_context<larder::memory, larder::lru, larder::max_entries, Locking>, numbers_of<Locking>>>;
static_assert(copyable<larder::unsynchronized, larder::sync::loading_alone> && !copyable<larder::sharded<>, larder::sync::loading>,
              "an unsynchronized cache loads without them");

}  // namespace

TEST_CASE_TEMPLATE("a miss loads once and the next is a hit", Locking, larder::sharded<>, larder::unsynchronized) {
  numbers_of<Locking> c{larder::max_entries{10}};
  int loads = 0;
  const auto loader = [&](const std::string& key) {
    ++loads;
    return static_cast<int>(key.size());
  };
  CHECK(c.get_or_load("abc", loader) == 3);
  CHECK(c.get_or_load("abc", loader) == 3);
  CHECK(loads == 1);
  CHECK(c.get("abc") == 3);
  const larder::cache_stats s = c.stats();
  CHECK(s.loads == 1);
  CHECK(s.hits == 2);
  CHECK(s.misses == 1);
}

TEST_CASE_TEMPLATE("a loader takes the key, the key and a stop token, or nothing", Locking, larder::sharded<>, larder::unsynchronized) {
  numbers_of<Locking> c{larder::max_entries{10}};
  CHECK(c.get_or_load("a", [] { return 1; }) == 1);
  CHECK(c.get_or_load("b", [](std::string_view key) { return static_cast<int>(key.size()); }) == 1);
  std::stop_source stop;
  CHECK(c.get_or_load("c", [&](const std::string&, std::stop_token token) { return token.stop_possible() ? 3 : 0; }, stop.get_token()) == 3);
  CHECK(c.get_or_load("d", [](const std::string&, const std::stop_token& token) { return token.stop_requested() ? 0 : 4; }) == 4);
  auto mutable_loader = [n = 0]() mutable { return ++n; };
  CHECK(c.get_or_load("e", mutable_loader) == 1);
  CHECK(c.get_or_load("f", mutable_loader) == 2);
}

TEST_CASE_TEMPLATE("L11 a loader throws: nothing is stored, the next call tries again, never a default-made value", Locking, larder::sharded<>, larder::unsynchronized) {
  numbers_of<Locking> c{larder::max_entries{10}};
  CHECK_THROWS_WITH_AS(c.get_or_load("a", [](const std::string&) -> int { throw std::runtime_error("no model"); }), "no model", std::runtime_error);
  CHECK_FALSE(c.contains("a"));
  CHECK(c.stats().load_failures == 1);
  CHECK(c.stats().loads == 0);
  CHECK(c.get_or_load("a", [] { return 5; }) == 5);
  CHECK(c.get("a") == 5);
}

TEST_CASE_TEMPLATE("a stop that was requested before: no load begins, but a hit is a hit", Locking, larder::sharded<>, larder::unsynchronized) {
  numbers_of<Locking> c{larder::max_entries{10}};
  std::stop_source stop;
  stop.request_stop();
  bool ran = false;
  CHECK(cause_of([&] { c.get_or_load("a", [&] { return ran = true, 1; }, stop.get_token()); }) == larder::error_cause::cancelled);
  CHECK_FALSE(ran);
  c.put("a", 2);
  CHECK(c.get_or_load("a", [] { return 3; }, stop.get_token()) == 2);
}

TEST_CASE("a waiter that is told to stop gives up; the load goes on") {
  numbers c{larder::max_entries{10}};
  gate load;
  std::thread leader([&] { CHECK(c.get_or_load("a", load) == 7); });
  load.wait_until_entered();
  std::stop_source stop;
  std::promise<larder::error_cause> outcome;
  std::thread waiter([&] { outcome.set_value(cause_of([&] { c.get_or_load("a", [] { return 0; }, stop.get_token()); })); });
  stop.request_stop();
  CHECK(outcome.get_future().get() == larder::error_cause::cancelled);
  load.open(7);
  leader.join();
  waiter.join();
  CHECK(c.get("a") == 7);
}

TEST_CASE_TEMPLATE("asking for one's own key from a loader is an error, never a deadlock", Locking, larder::sharded<>, larder::unsynchronized) {
  numbers_of<Locking> c{larder::max_entries{10}};
  CHECK(cause_of([&] { c.get_or_load("a", [&] { return c.get_or_load("a", [] { return 1; }); }); }) == larder::error_cause::reentrant);
  CHECK_FALSE(c.contains("a"));
  CHECK(c.get_or_load("a", [&] { return c.get_or_load("b", [] { return 1; }) + 1; }) == 2);
  CHECK(c.get("b") == 1);
  const auto through_another = [&] { return c.get_or_load("d", [&] { return c.get_or_load("c", [] { return 1; }); }); };
  CHECK(cause_of([&] { c.get_or_load("c", through_another); }) == larder::error_cause::reentrant);
  CHECK(cause_of([&] {
          c.get_or_load("c", [&] { return c.get_or_load_many(std::vector<std::string>{"a", "c"}, lengths)[0]; });
        }) == larder::error_cause::reentrant);
  CHECK(c.get_or_load("c", [] { return 1; }) == 1);
}

TEST_CASE_TEMPLATE("a loader that writes its own key: the write wins, the loaded value is returned and not stored", Locking, larder::sharded<>,
                   larder::unsynchronized) {
  using cache = numbers_of<Locking>;
  const auto while_loading = [](auto&& write, std::optional<int> afterwards) {
    cache c{larder::max_entries{10}};
    CHECK(c.get_or_load("a", [&] { return write(c), 7; }) == 7);
    CHECK(c.get("a") == afterwards);
    CHECK(c.get_or_load_many(std::vector<std::string>{"b", "ab", "b"}, [&](const std::vector<std::string>&) {
      c.put("ab", 9);
      c.erase("b");
      return std::vector<int>{1, 2};
    }) == std::vector<int>{1, 2, 1});
    CHECK(c.get("ab") == 9);
    CHECK_FALSE(c.contains("b"));
  };
  while_loading([](cache& c) { c.put("a", 1); }, 1);
  while_loading([](cache& c) { CHECK(c.put_if_absent("a", 1)); }, 1);
  while_loading([](cache& c) { CHECK_FALSE(c.erase("a")); }, std::nullopt);
  while_loading([](cache& c) { c.clear(); }, std::nullopt);
  while_loading([](cache& c) { c.erase_prefix("a"); }, std::nullopt);
  while_loading([](cache& c) { c.erase_if([](const std::string& key) { return key == "a"; }); }, std::nullopt);
  while_loading([](cache& c) { c.put("other", 1); c.erase_prefix("b"); }, 7);
  // Whoever asks after the write begins a load of their own.
  while_loading([](cache& c) { c.erase("a"); CHECK(c.get_or_load("a", [] { return 5; }) == 5); }, 5);
}

TEST_CASE_TEMPLATE("loads nest, each for itself", Locking, larder::sharded<>, larder::unsynchronized) {
  numbers_of<Locking> c{larder::max_entries{1000}};
  std::function<int(int)> sum_to = [&](int n) {
    return n == 0 ? 0 : c.get_or_load(std::to_string(n), [&] { return n + sum_to(n - 1); });
  };
  CHECK(sum_to(100) == 5050);
  CHECK(c.stats().loads == 100);
  CHECK(c.stats().joined == 0);
  CHECK(c.get("7") == 28);
  CHECK_THROWS_AS(c.get_or_load("a", [&] { return c.get_or_load("b", []() -> int { throw std::runtime_error("no"); }); }), std::runtime_error);
  CHECK(c.stats().load_failures == 2);
  CHECK(c.get_or_load("a", [&] { return c.get_or_load("b", [] { return 1; }) + 1; }) == 2);
  // What an inner batch asks for of its own is no circle.
  CHECK(c.get_or_load_many(std::vector<std::string>{"p", "q"}, [&](const std::vector<std::string>& keys) {
    CHECK(c.get_or_load_many(std::vector<std::string>{"r", "s", "r"}, lengths) == std::vector<int>{1, 1, 1});
    return lengths(keys);
  }) == std::vector<int>{1, 1});
  CHECK(c.contains("s"));
}

TEST_CASE("a circle of loads over two threads is an error, never a deadlock") {
  numbers c{larder::max_entries{10}};
  std::promise<void> has_a;
  std::promise<void> has_b;
  auto a_led = has_a.get_future().share();
  auto b_led = has_b.get_future().share();
  std::atomic<int> reentrant{0};
  const auto load = [&](const char* mine, std::promise<void>& led, std::shared_future<void> other_led, const char* other) {
    try {
      c.get_or_load(mine, [&] {
        led.set_value();
        other_led.wait();
        return c.get_or_load(other, [] { return 1; });
      });
    } catch (const larder::error& e) {
      if (e.cause() == larder::error_cause::reentrant) ++reentrant;
    }
  };
  std::thread one([&] { load("a", has_a, b_led, "b"); });
  std::thread two([&] { load("b", has_b, a_led, "a"); });
  one.join();
  two.join();
  CHECK(reentrant >= 1);
  CHECK(c.get_or_load("a", [] { return 5; }) == 5);
}

TEST_CASE("L13 put, erase or clear of the key during a load wins: its waiters get the loaded value, it is not stored") {
  const auto during_load = [](auto&& meanwhile, auto&& afterwards) {
    numbers c{larder::max_entries{10}};
    gate load;
    std::thread leader([&] { CHECK(c.get_or_load("a", load) == 7); });
    load.wait_until_entered();
    meanwhile(c);
    load.open(7);
    leader.join();
    afterwards(c);
  };
  const auto absent = [](numbers& c) { CHECK_FALSE(c.contains("a")); };
  during_load([](numbers& c) { c.put("a", 1); }, [](numbers& c) { CHECK(c.get("a") == 1); });
  during_load([](numbers& c) { CHECK(c.put_if_absent("a", 1)); }, [](numbers& c) { CHECK(c.get("a") == 1); });
  during_load([](numbers& c) { CHECK_FALSE(c.erase("a")); }, absent);
  during_load([](numbers& c) { c.clear(); }, absent);
  during_load([](numbers& c) { c.erase_prefix("a"); }, absent);
  during_load([](numbers& c) { c.erase_if([](const std::string& key) { return key == "a"; }); }, absent);
  during_load([](numbers& c) { c.erase("other"); c.erase_prefix("b"); }, [](numbers& c) { CHECK(c.get("a") == 7); });
}

TEST_CASE("whoever asks after an erase loads anew, while the old load still runs") {
  numbers c{larder::max_entries{10}};
  gate old_load;
  std::thread leader([&] { CHECK(c.get_or_load("a", old_load) == 1); });
  old_load.wait_until_entered();
  c.erase("a");
  CHECK(c.get_or_load("a", [] { return 2; }) == 2);
  old_load.open(1);
  leader.join();
  CHECK(c.get("a") == 2);
}

TEST_CASE_TEMPLATE("get_or_load_many loads what is missing in one batch, in the order of the keys", Locking, larder::sharded<>, larder::unsynchronized) {
  numbers_of<Locking> c{larder::max_entries{10}};
  c.put("b", 20);
  std::vector<std::vector<std::string>> batches;
  const auto batch = [&](const std::vector<std::string>& keys) {
    batches.push_back(keys);
    return lengths(keys);
  };
  const std::vector<std::string> keys{"aaa", "b", "cc", "aaa"};
  CHECK(c.get_or_load_many(keys, batch) == std::vector<int>{3, 20, 2, 3});
  CHECK(batches == std::vector<std::vector<std::string>>{{"aaa", "cc"}});
  CHECK(c.get("cc") == 2);
  CHECK(c.stats().loads == 2);
  CHECK(c.get_or_load_many(keys, batch) == std::vector<int>{3, 20, 2, 3});
  CHECK(batches.size() == 1);
  CHECK(c.get_or_load_many(std::vector<std::string>{}, batch).empty());
  CHECK(batches.size() == 1);
}

TEST_CASE_TEMPLATE("a batch loader that fails or miscounts: everybody gets the error, nothing is stored", Locking, larder::sharded<>, larder::unsynchronized) {
  numbers_of<Locking> c{larder::max_entries{10}};
  const std::vector<std::string> keys{"a", "b"};
  CHECK_THROWS_AS(c.get_or_load_many(keys, [](const std::vector<std::string>&) -> std::vector<int> { throw std::runtime_error("down"); }), std::runtime_error);
  CHECK(cause_of([&] { c.get_or_load_many(keys, [](const std::vector<std::string>&) { return std::vector<int>{1}; }); }) == larder::error_cause::load);
  CHECK(c.empty());
  CHECK(c.get_or_load("a", [] { return 1; }) == 1);
  CHECK(c.get_or_load("b", [] { return 2; }) == 2);
}

TEST_CASE("get_or_load_async brings the value, or the loader's exception") {
  numbers c{larder::max_entries{10}};
  c.put("there", 1);
  CHECK(c.get_or_load_async("there", [] { return 2; }).get() == 1);
  auto future = c.get_or_load_async("a", [](const std::string& key) { return static_cast<int>(key.size()) + 40; });
  CHECK(future.get() == 41);
  CHECK(c.get("a") == 41);
  // Shared, so that the exception goes with the future: the thread sanitizer does not see how exceptions count their owners.
  const std::shared_future<int> failing = c.get_or_load_async("b", []() -> int { throw std::runtime_error("later"); });
  CHECK_THROWS_WITH_AS(failing.get(), "later", std::runtime_error);
  CHECK_FALSE(c.contains("b"));
}

TEST_CASE("get_or_load_async does not block its caller, and joins a load that runs") {
  numbers c{larder::max_entries{10}};
  gate load;
  std::thread leader([&] { CHECK(c.get_or_load("a", load) == 9); });
  load.wait_until_entered();
  auto future = c.get_or_load_async("a", [] { return 0; });
  CHECK(future.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  load.open(9);
  CHECK(future.get() == 9);
  leader.join();
  CHECK(c.stats().loads == 1);
}

TEST_CASE("a future outlives its cache") {
  std::future<int> future;
  {
    numbers c{larder::max_entries{10}};
    future = c.get_or_load_async("a", [] { return 3; });
    future.wait();
  }
  CHECK(future.get() == 3);
}

TEST_CASE_TEMPLATE("a weigher that throws on a loaded value costs the place in the cache, not the value", Locking, larder::sharded<>, larder::unsynchronized) {
  std::vector<larder::error_cause> causes;
  auto c = larder::make_cache<std::string, int>(
      Locking{}, larder::max_weight{10}, larder::weigher{[](const std::string&, int) -> int { throw std::runtime_error("no scales"); }},
      larder::error_listener{[&](const larder::error_event& e) { causes.push_back(e.cause); }});
  CHECK(c.get_or_load("k", [] { return 7; }) == 7);
  CHECK_FALSE(c.contains("k"));
  CHECK(causes == std::vector<larder::error_cause>{larder::error_cause::load});
  CHECK_THROWS_AS(c.put("k", 7), std::runtime_error);
}
