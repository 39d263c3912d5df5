#include <larder/larder.hpp>
#include <larder/tier_flights.hpp>
#include <larder/tier_row.hpp>

#include <exception>
#include <optional>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

namespace {

using memory_cache = larder::cache<std::string, int, larder::lru, larder::max_entries>;
using written = larder::tier<memory_cache, larder::tier_mode::write_through>;
using row = larder::tier_row<written, written>;
using flights = larder::tier_flights<row>;

struct two_tiers {
  memory_cache near{larder::max_entries{10}};
  memory_cache far{larder::max_entries{10}};
  row tiers{near, far};
  flights searches{tiers};

  /// Lands a load of 1 for "a" that began before a change.
  template <class Change>
  void land_after(Change&& change) {
    const auto [flown, leads] = searches.join_or_lead("a");
    const auto epoch = searches.epoch_of("a");
    change();
    searches.land_loaded("a", flown, 1, epoch, {});
  }
};

}  // namespace

TEST_CASE("who comes first leads a flight, and the others get what it brings") {
  two_tiers t;
  const auto [flown, leads] = t.searches.join_or_lead("a");
  CHECK(leads);
  const auto [joined, also] = t.searches.join_or_lead("a");
  CHECK_FALSE(also);
  t.searches.land_loaded("a", flown, 1, t.searches.epoch_of("a"), {});
  CHECK(t.searches.wait(joined, {}) == 1);
  CHECK(t.near.peek("a") == 1);
  CHECK(t.far.peek("a") == 1);
  CHECK(t.searches.join_or_lead("a").second);  // that flight is over
}

TEST_CASE("a search promotes what a slower tier has, and loads nothing") {
  two_tiers t;
  t.far.put("a", 1);
  const auto [flown, leads] = t.searches.join_or_lead("a");
  CHECK(t.searches.search("a", flown, {}, [](auto&) { FAIL("it is there"); }) == 1);
  CHECK(t.near.peek("a") == 1);
  CHECK(t.searches.promotions() == 1);
  t.searches.reset_promotions();
  CHECK(t.searches.promotions() == 0);
}

TEST_CASE("a search neither asks nor writes the tiers that it does without") {
  two_tiers t;
  t.far.put("a", 1);
  const auto [flown, leads] = t.searches.join_or_lead("a");
  CHECK(t.searches.search("a", flown, {}, [](std::optional<int>& value) { value = 2; }, {false, true}) == 2);
  CHECK(t.near.peek("a") == 2);
  CHECK(t.far.peek("a") == 1);
}

TEST_CASE("what was loaded is not stored over a write that came meanwhile") {
  two_tiers t;
  t.land_after([&] {
    CHECK(t.searches.change("a", [&](const auto& write) {
      CHECK(write.alone());
      return t.tiers.put("a", 2, {});
    }));
  });
  CHECK(t.near.peek("a") == 2);
  CHECK(t.far.peek("a") == 2);
}

TEST_CASE("a change of everything supersedes every flight") {
  two_tiers t;
  t.land_after([&] { t.searches.change_all([&] { t.near.clear(); }); });
  CHECK_FALSE(t.near.peek("a"));
}

TEST_CASE("a search that throws fails its flight") {
  two_tiers t;
  const auto [flown, leads] = t.searches.join_or_lead("a");
  const auto [joined, also] = t.searches.join_or_lead("a");
  CHECK_THROWS_AS(t.searches.search("a", flown, {}, [](auto&) { throw std::runtime_error("no"); }), std::runtime_error);
  CHECK_THROWS_AS(t.searches.wait(joined, {}), std::runtime_error);
  const auto [again, mine] = t.searches.join_or_lead("a");
  CHECK(mine);
  t.searches.fail("a", again, std::make_exception_ptr(std::runtime_error("not this time")));
}
