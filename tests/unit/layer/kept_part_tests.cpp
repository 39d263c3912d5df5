#include <larder/layer/kept_part.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

#include <doctest/doctest.h>

using larder::layers::kept_part;
using larder::layers::part_use;

namespace {

constexpr std::size_t size = 8192;

std::vector<std::byte> layer_of(int value) { return std::vector<std::byte>(size + 100, static_cast<std::byte>(value)); }
bool holds(const kept_part& part, int value) {
  const auto bytes = part.bytes();
  return bytes.size() == size &&
         std::all_of(bytes.begin(), bytes.end(), [&](std::byte b) { return b == static_cast<std::byte>(value); });
}
/// One load that fills it.
void fill(kept_part& part, int value) {
  REQUIRE(part.lend() == part_use::filled);
  part.give_back(part_use::filled, part.fill(layer_of(value)));
}

}  // namespace

TEST_CASE("the first load that succeeds fills the part, those after it copy") {
  kept_part part(3, size, false);
  CHECK(part.layer() == 3);
  CHECK(part.size() == size);
  REQUIRE(part.lend() == part_use::filled);
  CHECK_FALSE(part.is_there());
  part.give_back(part_use::filled, false);  // failed
  CHECK_FALSE(part.is_there());
  fill(part, 7);
  CHECK(part.is_there());
  REQUIRE(part.lend() == part_use::copied);
  CHECK(holds(part, 7));
  part.give_back(part_use::copied, true);
  CHECK(part.is_there());
}

TEST_CASE("one load fills at a time, and nobody copies meanwhile") {
  kept_part part(0, size, false);
  REQUIRE(part.lend() == part_use::filled);
  CHECK(part.lend() == part_use::none);
  part.give_back(part_use::filled, part.fill(layer_of(1)));
  CHECK(part.lend() == part_use::copied);
  CHECK(part.lend() == part_use::copied);
}

TEST_CASE("what is forgotten while it is filled never counts as there") {
  kept_part part(0, size, false);
  REQUIRE(part.lend() == part_use::filled);
  part.forget();
  CHECK(part.lend() == part_use::none);
  part.give_back(part_use::filled, part.fill(layer_of(1)));
  CHECK_FALSE(part.is_there());
  fill(part, 2);
  CHECK(part.is_there());
  CHECK(holds(part, 2));
}

TEST_CASE("what is forgotten while it is copied stays as it is until the last copy is over") {
  kept_part part(0, size, false);
  fill(part, 1);
  REQUIRE(part.lend() == part_use::copied);
  REQUIRE(part.lend() == part_use::copied);
  part.forget();
  CHECK_FALSE(part.is_there());
  CHECK(part.lend() == part_use::none);
  part.give_back(part_use::copied, true);
  CHECK(part.lend() == part_use::none);
  CHECK(holds(part, 1));
  part.give_back(part_use::copied, true);
  CHECK_FALSE(part.is_there());
  fill(part, 2);
  CHECK(part.is_there());
}

TEST_CASE("a copy that turns out to be damaged is forgotten") {
  kept_part part(0, size, false);
  fill(part, 1);
  REQUIRE(part.lend() == part_use::copied);
  part.give_back(part_use::copied, false);
  CHECK_FALSE(part.is_there());
  CHECK(part.lend() == part_use::filled);
}

TEST_CASE("memory goes with what is forgotten, unless it is for good") {
  kept_part part(0, size, false);
  CHECK(part.idle_bytes() == 0);
  fill(part, 1);
  part.forget();
  CHECK(part.bytes().empty());
  kept_part for_good(0, size, true);
  CHECK(for_good.idle_bytes() == size);
  const auto room = for_good.room();
  CHECK(room.size() == size);
  fill(for_good, 1);
  CHECK(for_good.idle_bytes() == 0);
  for_good.forget();
  CHECK(for_good.bytes().data() == room.data());
  CHECK(for_good.idle_bytes() == size);
  fill(for_good, 2);
  CHECK(for_good.bytes().data() == room.data());
}

TEST_CASE("a child keeps what was there, and starts anew where a load of its parent was filling") {
  kept_part part(0, size, false);
  CHECK(part.orphan_loads());
  REQUIRE(part.lend() == part_use::filled);
  CHECK_FALSE(part.orphan_loads());
  part.give_back(part_use::filled, part.fill(layer_of(1)));
  REQUIRE(part.lend() == part_use::copied);
  CHECK(part.orphan_loads());
  part.forget();
  CHECK(part.lend() == part_use::filled);  // nobody copies any more
}

TEST_CASE("whoever gives it memory has it alone, and only while it is of no use to loads") {
  kept_part part(0, size, true);
  REQUIRE(part.lend_empty());
  CHECK_FALSE(part.lend_empty());
  CHECK(part.lend() == part_use::none);
  part.give_back(part_use::filled, false);
  REQUIRE(part.lend() == part_use::filled);
  CHECK_FALSE(part.lend_empty());
  part.give_back(part_use::filled, part.fill(layer_of(1)));
  CHECK_FALSE(part.lend_empty());
  CHECK(part.is_there());
}
