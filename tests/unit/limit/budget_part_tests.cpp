#include <larder/limit/budget_part.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using budget = larder::core::budget<true, 2>;
using part = larder::core::budget_part<true, 2>;

namespace {

// 100 entries, 1000 bytes.
struct whole : budget {
  whole() {
    set_capacity(0, 100);
    set_capacity(1, 1000);
  }
};

}  // namespace

TEST_CASE("parts take from one budget, and none takes what is not there") {
  whole all;
  part a(all, 2);
  part b(all, 2);
  CHECK(a.take({1, 600}));
  CHECK_FALSE(b.take({1, 401}));
  CHECK(b.take({1, 400}));
  CHECK(all.used(0) == 2);
  CHECK(all.used(1) == 1000);
  a.give_back({1, 600});
  CHECK(all.used(1) == 400);
}

TEST_CASE("a part that holds more than its share of what is left beside a value is to give") {
  whole all;
  part a(all, 4);
  part b(all, 4);
  CHECK(a.take({4, 800}));
  CHECK(b.take({4, 150}));
  CHECK(a.holds_too_much_beside({1, 200}));        // more than (1000 - 200) / 4
  CHECK_FALSE(b.holds_too_much_beside({1, 200}));  // 150 is less
  CHECK(b.holds_too_much_beside({1, 500}));        // and more than (1000 - 500) / 4
  CHECK_FALSE(a.holds_too_much_beside({1, 50}));   // for this there is room
}

TEST_CASE("a part that holds less than half of its share lets others go first") {
  whole all;
  part a(all, 4);
  part b(all, 4);
  CHECK(a.take({1, 120}));
  CHECK(b.take({1, 80}));
  part others(all, 4);
  CHECK(others.take({1, 800}));
  CHECK_FALSE(a.holds_little_beside({1, 200}));  // half of (1000 - 200) / 4 is 100
  CHECK(b.holds_little_beside({1, 200}));
  b.give_back({1, 80});
  CHECK(b.holds_little_beside({1, 200}));
}

TEST_CASE("entries count as bytes do, whichever is short") {
  whole all;
  part a(all, 2);
  part b(all, 2);
  CHECK(a.take({80, 80}));
  CHECK(b.take({20, 20}));
  CHECK(a.holds_too_much_beside({1, 1}));
  CHECK(b.holds_little_beside({1, 1}));
  CHECK_FALSE(a.holds_little_beside({1, 1}));
}

TEST_CASE("the only part has nobody to leave it to") {
  whole all;
  part only(all, 1);
  CHECK(only.take({1, 1000}));
  CHECK_FALSE(only.holds_little_beside({1, 1000}));
}
