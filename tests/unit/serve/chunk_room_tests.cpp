#include <larder/serve/chunk_room.hpp>

#include <chrono>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

using larder::serve::chunk_room;
using namespace std::chrono_literals;

TEST_CASE("room is taken, bounded, and given back") {
  chunk_room room(100);
  CHECK(room.capacity() == 100);
  {
    chunk_room::claim a = room.take(60);
    CHECK(a);
    CHECK(room.taken() == 60);
    CHECK_FALSE(room.take(41));
    chunk_room::claim b = room.take(40);
    CHECK(b);
    CHECK(room.taken() == 100);
    CHECK_FALSE(room.take(1));
    CHECK(room.take(0));
    chunk_room::claim c(std::move(b));
    CHECK(c);
    CHECK_FALSE(b);
    a = std::move(c);
    CHECK(room.taken() == 100);
  }
  CHECK(room.taken() == 0);
  CHECK_FALSE(room.take(101));
  CHECK_FALSE(room.take(~std::uint64_t{0}));
}

TEST_CASE("what is there already is counted beyond the bound") {
  chunk_room room(10);
  const chunk_room::claim there = room.count(25);
  CHECK(there);
  CHECK(room.taken() == 25);
  CHECK_FALSE(room.take(1));
}

TEST_CASE("room that is given back ends a wait") {
  chunk_room room(10);
  CHECK(room.wait_for(0, 0ms));
  chunk_room::claim held = room.take(10);
  CHECK_FALSE(room.wait_for(9, 0ms));
  std::thread gives([&] { held = {}; });
  CHECK(room.wait_for(0, 1h));  // for ever, if nobody told
  gives.join();
}

TEST_CASE("a claim may outlive its room") {
  chunk_room::claim held;
  {
    chunk_room room(10);
    held = room.take(10);
  }
  CHECK(held);
  held = {};
}
