#include <larder/sync/absent_keys.hpp>

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>

#include <chrono>
#include <cstdint>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using larder::sync::absent_keys;

TEST_CASE("an absent key is known for a period") {
  absent_keys keys({.period = 10s});
  const larder::instant now = 1000s;
  CHECK(keys.on());
  CHECK_FALSE(keys.knows(7, now));
  keys.note(7, keys.ticket(7), now);
  CHECK(keys.knows(7, now));
  CHECK(keys.knows(7, now + 9999ms));
  CHECK_FALSE(keys.knows(7, now + 10s));
  CHECK_FALSE(keys.knows(8, now));
  CHECK_FALSE(keys.knows(0, 0s));  // an empty place is no key
  keys.note(0, keys.ticket(0), now);
  CHECK(keys.knows(0, now));
  keys.drop(0);
  CHECK_FALSE(keys.knows(0, now));
}

TEST_CASE("a write drops the key, and an answer from before the write is not remembered") {
  absent_keys keys({.period = 10s});
  const larder::instant now = 1000s;
  keys.note(7, keys.ticket(7), now);
  keys.drop(7);
  CHECK_FALSE(keys.knows(7, now));
  const std::uint32_t asked_before = keys.ticket(7);
  keys.drop(7);
  keys.note(7, asked_before, now);
  CHECK_FALSE(keys.knows(7, now));
  keys.note(7, keys.ticket(7), now);
  CHECK(keys.knows(7, now));
}

TEST_CASE("no more keys are remembered than were asked for") {
  absent_keys keys({.period = 10s, .most = 16});
  for (std::uint64_t key = 1; key <= 1000; ++key) keys.note(key, keys.ticket(key), 1s);
  int known = 0;
  for (std::uint64_t key = 1; key <= 1000; ++key) known += keys.knows(key, 1s) ? 1 : 0;
  CHECK(known == 16);
  CHECK(keys.knows(1000, 1s));
}

TEST_CASE("without a period nothing is remembered") {
  absent_keys keys({});
  CHECK_FALSE(keys.on());
  keys.note(7, keys.ticket(7), 1s);
  keys.drop(7);
  CHECK_FALSE(keys.knows(7, 1s));
  CHECK_THROWS_AS(absent_keys({.period = -1ms}), larder::error);
}
