// While a loaded value is stored, a weigher or codec of the user's runs, without any lock: what it may ask of the cache.
#include "../sync/in_time.hpp"

#include <larder/larder.hpp>
#include <larder/storage/remote_engine.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace larder::literals;
using larder_tests::ends_in_time;

namespace {

using weigh = std::function<int(const std::string&, int)>;

/// A cache whose weigher runs `inside(key, value)` for each value that is stored, but not for those that `inside` stores.
template <class... Policies>
struct weighed {
  using cache_type = larder::cache<std::string, int, larder::max_weight, larder::weigher<weigh>, Policies...>;

  template <class... Given>
  explicit weighed(Given&&... given)
      : cache(larder::max_weight{100}, larder::weigher<weigh>{[this](const std::string& key, int value) {
                if (const auto f = std::exchange(inside, nullptr)) f(key, value);
                return 1;
              }},
              std::forward<Given>(given)...) {}

  std::function<void(const std::string&, int)> inside;
  cache_type cache;
};

template <class F>
std::optional<larder::error_cause> cause_of(F&& f) {
  try {
    f();
  } catch (const larder::error& e) {
    return e.cause();
  }
  return std::nullopt;
}

/// Bytes in a map, behind the interface of a remote storage.
struct drawer {
  using policy_axis = larder::axis::storage;
  class store {
   public:
    store(const drawer&, larder::error_sink&) {}
    std::optional<larder::bytes> get(std::string_view name, larder::byte_range) {
      const std::lock_guard lock(mutex_);
      const auto at = objects_.find(std::string(name));
      return at == objects_.end() ? std::nullopt : std::optional(larder::bytes::copy_of(at->second));
    }
    std::optional<larder::blob_info> head(std::string_view name) {
      const std::lock_guard lock(mutex_);
      const auto at = objects_.find(std::string(name));
      return at == objects_.end() ? std::nullopt : std::optional(larder::blob_info{at->second.size(), ""});
    }
    bool put(std::string_view name, std::span<const larder::bytes> parts, larder::put_mode mode) {
      std::string whole;
      for (const larder::bytes& part : parts) whole += part.text();
      const std::lock_guard lock(mutex_);
      if (mode == larder::put_mode::create_only && objects_.contains(std::string(name))) return false;
      objects_[std::string(name)] = whole;
      return true;
    }
    bool erase(std::string_view name) {
      const std::lock_guard lock(mutex_);
      return objects_.erase(std::string(name)) != 0;
    }
    template <class F>
    void list(std::string_view, F&&) {}

   private:
    std::mutex mutex_;
    std::map<std::string, std::string> objects_;
  };
};

/// A value that asks `inside` when it is encoded, once.
struct page {
  int number = 0;
  static inline std::function<void()> inside;
};

}  // namespace

template <>
struct larder::codec<page> {
  static bytes encode(const page& p) {
    if (const auto f = std::exchange(page::inside, nullptr)) f();
    return bytes::copy_of(std::to_string(p.number));
  }
  static page decode(const bytes& encoded) { return {std::stoi(std::string(encoded.text()))}; }
};

TEST_CASE_TEMPLATE("a weigher may ask for the key that is being stored", Locking, larder::sharded<>, larder::unsynchronized) {
  const auto w = std::make_shared<weighed<Locking>>();
  const bool ended = ends_in_time([w] {
    auto& c = w->cache;
    w->inside = [&c](const std::string& key, int) {
      CHECK_FALSE(c.get(key).has_value());
      CHECK_FALSE(c.contains(key));
      CHECK(cause_of([&] { c.get_or_load(key, [] { return 9; }); }) == larder::error_cause::reentrant);
      CHECK(cause_of([&] { c.get_or_load_many(std::vector<std::string>{key}, [](const auto&) { return std::vector<int>{9}; }); }) ==
            larder::error_cause::reentrant);
      CHECK(c.get_or_load("other", [] { return 2; }) == 2);
    };
    CHECK(c.get_or_load("a", [] { return 1; }) == 1);
    CHECK(c.get("a") == 1);
    CHECK(c.get("other") == 2);
  });
  CHECK(ended);
}

TEST_CASE_TEMPLATE("a weigher that writes the key that is being stored wins, and does not wait for itself", Locking, larder::sharded<>,
                   larder::unsynchronized) {
  const auto while_storing = [](auto write, std::optional<int> afterwards) {
    const auto w = std::make_shared<weighed<Locking>>();
    const bool ended = ends_in_time([w, write, afterwards] {
      auto& c = w->cache;
      w->inside = [&](const std::string&, int) { write(c); };
      CHECK(c.get_or_load("a", [] { return 1; }) == 1);
      CHECK(c.get("a") == afterwards);
      c.clear();
      w->inside = [&](const std::string&, int) { write(c); };
      CHECK(c.get_or_load_many(std::vector<std::string>{"a", "z"}, [](const auto&) { return std::vector<int>{1, 2}; }) == std::vector<int>{1, 2});
      CHECK(c.get("a") == afterwards);
      // The flight is over, whatever was done to it.
      c.erase("a");
      CHECK(c.get_or_load("a", [] { return 5; }) == 5);
      CHECK(c.get("a") == 5);
    });
    CHECK(ended);
  };
  using cache = typename weighed<Locking>::cache_type;
  while_storing([](cache& c) { CHECK(c.put("a", 3)); }, 3);
  while_storing([](cache& c) { CHECK(c.put_if_absent("a", 3)); }, 3);
  while_storing([](cache& c) { CHECK_FALSE(c.erase("a")); }, std::nullopt);
  while_storing([](cache& c) { c.clear(); }, std::nullopt);
  while_storing([](cache& c) { c.erase_prefix("a"); }, std::nullopt);
  while_storing([](cache& c) { c.erase_if([](const std::string& key) { return key == "a"; }); }, std::nullopt);
  while_storing([](cache& c) { c.put("b", 3), c.erase("c"); }, 1);
}

TEST_CASE("two weighers that write each other's key do not wait in a circle, and their writes win") {
  struct story {
    larder::cache<std::string, int, larder::max_weight, larder::weigher<weigh>> cache{
        larder::max_weight{100}, larder::weigher<weigh>{[this](const std::string& key, int value) {
          if (value == 1) {  // a loaded one
            both_store.arrive_and_wait();
            cache.put(key == "a" ? "b" : "a", 2);
          }
          return 1;
        }}};
    std::barrier<> both_store{2};
  };
  for (int round = 0; round < 50; ++round) {
    const auto s = std::make_shared<story>();
    const bool ended = ends_in_time([s] {
      std::thread other([s] { CHECK(s->cache.get_or_load("b", [] { return 1; }) == 1); });
      CHECK(s->cache.get_or_load("a", [] { return 1; }) == 1);
      other.join();
    });
    REQUIRE(ended);
    CHECK(s->cache.get("a") != 1);
    CHECK(s->cache.get("b") != 1);
  }
}

TEST_CASE("a weigher that writes the key during its refresh: the refreshed value does not come after it") {
  struct story {
    larder::manual_clock now;
    std::mutex mutex;
    std::condition_variable changed;
    bool wrote = false;
    std::optional<weighed<larder::refresh_after_write, larder::time_source<larder::manual_clock>>> w;
  };
  using cache = larder::cache<std::string, int, larder::max_weight, larder::weigher<weigh>, larder::refresh_after_write,
                              larder::time_source<larder::manual_clock>>;
  const auto while_refreshing = [](auto write, bool put) {
    const auto s = std::make_shared<story>();
    s->w.emplace(larder::refresh_after_write{10s}, larder::time_source{s->now});
    const bool ended = ends_in_time([s, write, put] {
      cache& c = s->w->cache;
      c.put("a", 1);
      s->now += 11s;
      s->w->inside = [&](const std::string&, int) {
        CHECK(c.get("a") == 1);
        CHECK(c.get_or_load("a", [] { return 8; }) == 1);
        write(c);
        const std::lock_guard lock(s->mutex);
        s->wrote = true;
        s->changed.notify_all();
      };
      CHECK(c.get_or_load("a", [] { return 2; }) == 1);
      {
        std::unique_lock lock(s->mutex);
        s->changed.wait(lock, [&] { return s->wrote; });
      }
      // Whoever writes now waits for the refresh to be over.
      c.put_if_absent("a", 4);
      CHECK(c.get("a") != 1);
      CHECK(c.get("a") != 2);
      if (!put) CHECK(c.get("a") == 4);
    });
    CHECK(ended);
  };
  while_refreshing([](cache& c) { CHECK(c.put("a", 3)); }, true);
  while_refreshing([](cache& c) { CHECK(c.erase("a")); }, false);
}

TEST_CASE("a codec may ask for the key that is being stored, and a write of it wins") {
  using cache = larder::cache<std::string, page, larder::unbounded, drawer>;
  const auto while_encoding = [](auto&& inside, std::optional<int> afterwards) {
    const auto c = std::make_shared<cache>();
    const bool ended = ends_in_time([c, inside, afterwards] {
      page::inside = [&] { inside(*c); };
      CHECK(c->get_or_load("a", [] { return page{1}; }).number == 1);
      const std::optional<page> found = c->get("a");
      CHECK((found ? std::optional(found->number) : std::nullopt) == afterwards);
    });
    CHECK(ended);
  };
  while_encoding([](cache& c) { CHECK_FALSE(c.get("a").has_value()); }, 1);
  while_encoding([](cache& c) { CHECK(cause_of([&] { c.get_or_load("a", [] { return page{2}; }); }) == larder::error_cause::reentrant); }, 1);
  while_encoding([](cache& c) { CHECK(c.put("a", page{3})); }, 3);
  while_encoding([](cache& c) { c.erase("a"); }, std::nullopt);
}
