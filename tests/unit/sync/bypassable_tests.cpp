#include <larder/sync/bypassable.hpp>

#include <larder/core/time.hpp>

#include <doctest/doctest.h>

namespace {

struct always_asked {};
struct slow {
  bool bypasses() { return true; }
  void note_load(larder::duration cost) { noted = cost; }
  larder::duration noted{-1};
};

static_assert(larder::sync::bypassable<slow>);
static_assert(!larder::sync::bypassable<always_asked>);

}  // namespace

TEST_CASE("bypassable: an engine that says nothing of it is always asked") {
  always_asked engine;
  CHECK_FALSE(larder::sync::bypasses(engine));
  CHECK(larder::sync::measured_load(engine, [] { return 7; }) == 7);
}

TEST_CASE("bypassable: an engine that may take longer than loading decides, and hears what the load cost") {
  slow engine;
  CHECK(larder::sync::bypasses(engine));
  CHECK(larder::sync::measured_load(engine, [] { return 7; }) == 7);
  CHECK(engine.noted >= larder::duration{0});
}
