#include <larder/eviction/slot_list.hpp>
#include <larder/storage/block_segment.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include <doctest/doctest.h>

namespace {

struct words {
  std::uint64_t key;
  std::uint64_t value;
};
using block = larder::storage::entry_block<words, false>;
using segment = larder::storage::block_segment<block, larder::eviction::links, true>;
struct nothing {};

}  // namespace

TEST_CASE("a segment numbers its places one after the other, from its first on") {
  const segment s(100, 5);
  CHECK(s.places() == 5 * block::places);
  CHECK(s.end() == 100 + s.places());
  std::set<larder::slot> numbers;
  for (std::size_t b = 0; b < 5; ++b)
    for (std::size_t place = 0; place < block::places; ++place) {
      const larder::slot number = s.slot_at(b, place);
      CHECK(number >= 100);
      CHECK(number < s.end());
      CHECK(s.block_of(number) == b);
      CHECK(s.place_of(number) == place);
      CHECK(numbers.insert(number).second);
    }
}

TEST_CASE("homes spread by the upper half of the hash alone, and the row has no end") {
  const segment s(0, 5);
  const auto row = s.row();
  std::vector<std::size_t> homes(5);
  for (std::uint64_t high = 0; high < 1000; ++high) {
    const std::size_t home = row.home(high << 54U | 12345);
    REQUIRE(home < 5);
    CHECK(home == row.home(high << 54U));
    ++homes[home];
  }
  for (const std::size_t n : homes) CHECK(n > 100);
  CHECK(row.home(~std::uint64_t{0}) == 4);
  CHECK(row.next(3, 2, 0) == 4);
  CHECK(row.next(4, 2, 0) == 0);  // round
  CHECK(row.next(3, 1, 0) == row.home(0));  // from its home, by its hash
}

TEST_CASE("a segment keeps states and hashes by slot number, and counts what it holds") {
  segment s(7, 3);
  CHECK(s.state(9).next == larder::no_slot);
  s.state(9).next = 3;
  s.remember(9 - 7, 42);
  CHECK(s.hash(9) == 42);
  s.renew_state(9);
  CHECK(s.state(9).next == larder::no_slot);
  CHECK(s.has_room());
  s.used = s.places() - s.places() / 8;
  CHECK_FALSE(s.has_room());
  const larder::storage::block_segment<block, nothing, false> bare(0, 3);
  CHECK(bare.memory() == 3 * sizeof(block));
  CHECK(s.memory() == 3 * sizeof(block) + s.places() * (sizeof(larder::eviction::links) + sizeof(std::uint64_t)));
}
