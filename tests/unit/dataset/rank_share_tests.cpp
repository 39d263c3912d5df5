#include <larder/dataset/rank_share.hpp>

#include <doctest/doctest.h>

using larder::partition;

TEST_CASE("a rank that is none is refused") {
  CHECK_THROWS_WITH_AS((partition{0, 0}.validate()), "larder: partition: a world of 0 ranks; it has at least 1", larder::error);
  CHECK_THROWS_WITH_AS((partition{4, 4}.validate()), "larder: partition: rank 4 of a world of 4; ranks are counted from 0 to 3", larder::error);
  CHECK_THROWS_AS((partition{1}.validate()), larder::error);
  CHECK_NOTHROW(partition{}.validate());
  CHECK_NOTHROW((partition{3, 4}.validate()));
}
