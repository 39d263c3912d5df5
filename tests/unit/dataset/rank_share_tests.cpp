#include <larder/dataset/rank_share.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::partition;

namespace {

constexpr std::uint64_t greatest = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("ranks share all numbers, each has its own, and none has two more than another") {
  CHECK(rc::check("shares", [] {
    const auto world = *rc::gen::inRange<std::size_t>(1, 20);
    const auto total = *rc::gen::inRange<std::uint64_t>(0, 300);
    std::vector<int> met(total);
    for (std::size_t rank = 0; rank < world; ++rank) {
      const partition mine{rank, world};
      mine.validate();
      std::uint64_t share = 0;
      for (std::uint64_t at = mine.first_at_or_after(0); at < total; at = mine.first_at_or_after(at + 1)) {
        RC_ASSERT(mine.has(at));
        ++met[at];
        ++share;
      }
      RC_ASSERT(share == mine.share_of(total));
      RC_ASSERT(share == total / world || share == total / world + 1);
    }
    for (const int times : met) RC_ASSERT(times == 1);
  }));
}

TEST_CASE("the next number of a rank is the first that it has") {
  CHECK(rc::check("first at or after", [] {
    const auto world = *rc::gen::inRange<std::size_t>(1, 50);
    const partition mine{*rc::gen::inRange<std::size_t>(0, world), world};
    const auto from = *rc::gen::inRange<std::uint64_t>(0, 1000);
    std::uint64_t expected = from;
    while (expected % world != mine.rank) ++expected;
    RC_ASSERT(mine.first_at_or_after(from) == expected);
  }));
  CHECK(partition{}.first_at_or_after(17) == 17);
  CHECK(partition{1, 4}.first_at_or_after(greatest) == greatest);  // greatest % 4 == 3
  CHECK(partition{3, 4}.first_at_or_after(greatest - 3) == greatest);
  CHECK(partition{0, 4}.first_at_or_after(greatest - 2) == greatest);
}

TEST_CASE("a round is whole when every rank has a sample of it") {
  CHECK(rc::check("whole rounds", [] {
    const auto world = *rc::gen::inRange<std::size_t>(1, 20);
    const auto total = *rc::gen::inRange<std::uint64_t>(0, 300);
    const partition mine{0, world};
    for (std::uint64_t at = 0; at < total + world; ++at)
      RC_ASSERT(mine.is_in_whole_round(at, total) == ((at / world + 1) * world <= total));
    for (std::size_t rank = 0; rank < world; ++rank)
      RC_ASSERT((partition{rank, world}).share_of(mine.end_of_whole_rounds(total)) == total / world);
  }));
  CHECK(partition{0, 4}.is_in_whole_round(greatest - 4, greatest));
  CHECK_FALSE(partition{0, 4}.is_in_whole_round(greatest - 3, greatest));
}

TEST_CASE("a rank that is none is refused") {
  CHECK_THROWS_WITH_AS((partition{0, 0}.validate()), "larder: partition: a world of 0 ranks; it has at least 1", larder::error);
  CHECK_THROWS_WITH_AS((partition{4, 4}.validate()), "larder: partition: rank 4 of a world of 4; ranks are counted from 0 to 3", larder::error);
  CHECK_THROWS_AS((partition{1}.validate()), larder::error);
  CHECK_NOTHROW(partition{}.validate());
  CHECK_NOTHROW((partition{3, 4}.validate()));
}
