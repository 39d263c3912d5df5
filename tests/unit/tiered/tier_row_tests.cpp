#include <larder/larder.hpp>
#include <larder/tier_row.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

using memory_cache = larder::cache<std::string, int, larder::lru, larder::max_entries>;
using written = larder::tier<memory_cache, larder::tier_mode::write_through>;
using read = larder::tier<memory_cache, larder::tier_mode::read_only>;
using row = larder::tier_row<written, read, written>;

struct three_tiers {
  memory_cache near{larder::max_entries{10}};
  memory_cache middle{larder::max_entries{10}};
  memory_cache far{larder::max_entries{10}};
  row tiers{near, larder::read_only(middle), far};
};

}  // namespace

TEST_CASE("tiers are walked from the fastest until one says so, and the writable ones from the slowest") {
  three_tiers t;
  std::vector<std::size_t> met;
  CHECK(t.tiers.fastest_first([&](auto&, auto at) {
    met.push_back(at());
    return at() == 1;
  }));
  CHECK(met == std::vector<std::size_t>{0, 1});
  met.clear();
  CHECK_FALSE(t.tiers.fastest_first([&](auto&, auto at) {
    met.push_back(at());
    return false;
  }));
  CHECK(met == std::vector<std::size_t>{0, 1, 2});
  met.clear();
  t.tiers.each([&](auto&, auto at) { met.push_back(at()); });
  CHECK(met == std::vector<std::size_t>{0, 1, 2});
  met.clear();
  t.tiers.slowest_first([&](auto&, auto at) { met.push_back(at()); });
  CHECK(met == std::vector<std::size_t>{2, 0});
}

TEST_CASE("a put goes to the writable tiers but those that are named") {
  three_tiers t;
  CHECK(t.tiers.put("a", 1, {}));
  CHECK(t.near.get("a") == 1);
  CHECK_FALSE(t.middle.get("a"));
  CHECK(t.far.get("a") == 1);
  CHECK(t.tiers.put("b", 2, {}, {true, false, false}));
  CHECK_FALSE(t.near.get("b"));
  CHECK(t.far.get("b") == 2);
  CHECK_FALSE(t.tiers.put("c", 3, {}, {true, false, true}));
}

TEST_CASE("when writes overlapped the slowest tier's value is the one that stays") {
  three_tiers t;
  t.near.put("a", 1);
  t.far.put("a", 2);
  t.tiers.keep_slowest_only("a");
  CHECK_FALSE(t.near.get("a"));
  CHECK(t.far.get("a") == 2);
}

TEST_CASE("a hit is copied into the writable tiers above it, and out of them again") {
  three_tiers t;
  t.far.put("a", 5);
  row::landings landed;
  row::departures gone;
  const row::choice copied = t.tiers.promote("a", 5, 2, landed, gone);
  CHECK(copied == row::choice{true, false, false});
  CHECK(t.near.get("a") == 5);
  CHECK_FALSE(t.middle.get("a"));
  t.tiers.erase_now("a", copied, gone);
  CHECK_FALSE(t.near.get("a"));
  CHECK(t.far.get("a") == 5);
  CHECK(t.tiers.promote("a", 5, 0, landed, gone) == row::choice{});  // it was found in the fastest
  row::landings nowhere;
  CHECK(t.tiers.land_above<2>("a", nowhere) == nullptr);
}
