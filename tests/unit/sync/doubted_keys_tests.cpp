#include <larder/sync/doubted_keys.hpp>

#include <cstdint>

#include <doctest/doctest.h>

using doubted_keys = larder::sync::doubted_keys<std::uint64_t>;

TEST_CASE("a tier is doubted for the keys whose writes failed, until one succeeds") {
  doubted_keys doubts;
  CHECK(!doubts.about(1));
  doubts.after_write(1, true);
  doubts.after_write(2, false);
  CHECK(doubts.about(1));
  CHECK(!doubts.about(2));
  doubts.after_write(1, false);
  CHECK(!doubts.about(1));
}

TEST_CASE("after a failure over all keys a tier is trusted only for what was written since, until it is cleared") {
  doubted_keys doubts;
  doubts.after_write(1, true);
  doubts.after_clear(true);
  CHECK(doubts.about(1));
  CHECK(doubts.about(2));
  doubts.after_write(2, false);
  CHECK(!doubts.about(2));
  CHECK(doubts.about(1));
  doubts.after_write(2, true);
  CHECK(doubts.about(2));
  doubts.after_write(2, false);
  doubts.after_clear(true);
  CHECK(doubts.about(2));
  doubts.after_clear(false);
  CHECK(!doubts.about(1));
  CHECK(!doubts.about(2));
}

TEST_CASE("more doubts than anybody should keep are a doubt about everything") {
  doubted_keys doubts;
  for (std::uint64_t i = 0; i <= (1U << 20); ++i) doubts.after_write(i, true);
  CHECK(doubts.about(5));
  CHECK(doubts.about(std::uint64_t{1} << 40));  // whose write never failed: better a miss
  doubts.after_write(5, false);
  CHECK(!doubts.about(5));
}
