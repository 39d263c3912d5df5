#include <larder/storage/entry_lease.hpp>

#include <utility>

#include <doctest/doctest.h>

namespace {

struct counting_engine {
  int unpinned = 0;
  void unpin(const larder::storage::pin_claim&) noexcept { ++unpinned; }
};
using lease = larder::storage::entry_lease<counting_engine>;

}  // namespace

TEST_CASE("a claim is given back once, by whoever has it last") {
  counting_engine engine;
  {
    lease first(engine, {});
    CHECK(first);
    lease second(std::move(first));
    CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move): empty, as documented
    CHECK(second);
    CHECK(engine.unpinned == 0);
    first.release();
    CHECK(engine.unpinned == 0);
    second.release();
    CHECK(engine.unpinned == 1);
    second.release();
    CHECK_FALSE(second);
  }
  CHECK(engine.unpinned == 1);
  { lease kept(engine, {}); }
  CHECK(engine.unpinned == 2);
}

TEST_CASE("an assignment hands a claim over, and none is lost") {
  counting_engine one;
  counting_engine other;
  {
    lease a(one, {});
    lease b(other, {});
    a = std::move(b);
    CHECK(a);
    a = lease();
    CHECK_FALSE(a);
    CHECK(other.unpinned == 1);
  }
  CHECK(one.unpinned == 1);
  CHECK(other.unpinned == 1);
  CHECK_FALSE(lease());
}
