// put_many in memory: what a range may be, and that it is as many puts, one after the other.

#include <larder/cache.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/sync/unsynchronized.hpp>
#include <larder/testing/manual_clock.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using text = std::string;

/// A range that makes its entries on the way, once: what it gives lives no longer than a step.
struct squares {
  struct iterator {
    int n;
    std::pair<text, int> operator*() const { return {std::to_string(n), n * n}; }
    iterator& operator++() {
      ++n;
      return *this;
    }
    bool operator!=(const iterator& other) const { return n != other.n; }
  };
  int count;
  iterator begin() const { return {0}; }
  iterator end() const { return {count}; }
};

}  // namespace

TEST_CASE("put_many stores each entry of any range of pairs, and says how many") {
  auto cache = larder::make_cache<text, int>(larder::max_entries{1000});
  CHECK(cache.put_many({{"a", 1}, {"b", 2}}) == 2);
  CHECK(cache.put_many(std::map<text, int>{{"c", 3}, {"d", 4}}) == 2);
  CHECK(cache.put_many(std::vector<std::tuple<std::string_view, short>>{{"e", short{5}}}) == 1);
  CHECK(cache.put_many(std::array<std::pair<const char*, int>, 1>{{{"f", 6}}}) == 1);
  CHECK(cache.put_many(squares{200}) == 200);
  CHECK(cache.put_many(std::vector<std::pair<text, int>>{}) == 0);
  CHECK(cache.size() == 206);
  for (const auto& [key, value] : std::map<text, int>{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}, {"f", 6}, {"0", 0}, {"199", 39601}})
    CHECK(cache.get(key) == value);
}

TEST_CASE("of equal keys the last one stays, and the listener hears of the others after all is done") {
  std::vector<int> told;
  auto cache = larder::make_cache<text, int>(larder::max_entries{10}, larder::removal_listener{[&](const text&, int value, larder::removal_cause cause) {
                                               CHECK(cause == larder::removal_cause::replaced);
                                               told.push_back(value);
                                             }});
  CHECK(cache.put_many({{"a", 1}, {"a", 2}, {"b", 3}, {"a", 4}}) == 4);
  CHECK(cache.get("a") == 4);
  CHECK(told == std::vector<int>{1, 2});
}

TEST_CASE("one that is refused does not stop the others") {
  auto cache = larder::make_cache<int, text>(larder::fifo{}, larder::max_bytes{10});
  cache.put(2, "old");
  CHECK(cache.put_many({{1, "abc"}, {2, text(11, 'x')}, {3, "def"}}) == 2);
  CHECK(cache.get(1) == "abc");
  CHECK_FALSE(cache.get(2).has_value());  // a refused put takes the older value with it
  CHECK(cache.get(3) == "def");
  CHECK(cache.stats().refused == 1);
}

TEST_CASE("move-only values are moved out of a range that gives them up") {
  auto cache = larder::make_cache<int, std::unique_ptr<int>>(larder::max_entries{10}, larder::unsynchronized{});
  std::vector<std::pair<int, std::unique_ptr<int>>> entries;
  entries.emplace_back(1, std::make_unique<int>(7));
  struct given_up {
    std::vector<std::pair<int, std::unique_ptr<int>>>* from;
    auto begin() const { return std::move_iterator(from->begin()); }
    auto end() const { return std::move_iterator(from->end()); }
  };
  CHECK(cache.put_many(given_up{&entries}) == 1);
  int seen = 0;
  CHECK(cache.visit(1, [&](const std::unique_ptr<int>& value) { seen = *value; }));
  CHECK(seen == 7);
}

TEST_CASE("all of put_many may have a time to live") {
  larder::manual_clock now;
  auto cache = larder::make_cache<int, int>(larder::max_entries{10}, larder::ttl{}, larder::time_source{now});
  CHECK(cache.put_many(std::map<int, int>{{1, 1}, {2, 2}}, 5s) == 2);
  now.advance(6s);
  CHECK_FALSE(cache.get(1).has_value());
  CHECK_THROWS_AS(cache.put_many(std::map<int, int>{{1, 1}}, 0s), larder::error);
}

TEST_CASE("a load that began before put_many does not store over it") {
  auto cache = larder::make_cache<text, int>(larder::max_entries{10});
  const int loaded = cache.get_or_load("a", [&](const text&) {
    cache.put_many({{"a", 1}, {"b", 2}});
    return 7;
  });
  CHECK(loaded == 7);
  CHECK(cache.get("a") == 1);
}
