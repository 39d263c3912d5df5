#include <larder/storage/entry_block.hpp>

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>

#include <doctest/doctest.h>

using larder::storage::block_tags;
using larder::storage::entry_block;

namespace {

struct pair_of_words {
  std::uint64_t key;
  std::uint64_t value;
  friend bool operator==(const pair_of_words&, const pair_of_words&) = default;
};
struct text_and_word {
  std::string key;
  std::uint64_t value;
};

template <class Block>
inline constexpr std::size_t bytes_per_place = sizeof(Block) / Block::places;

}  // namespace

static_assert(sizeof(entry_block<pair_of_words, false>) == 128 && entry_block<pair_of_words, false>::places == 7);
static_assert(sizeof(entry_block<pair_of_words, true>) == 128 && alignof(entry_block<pair_of_words, true>) == 128);
static_assert(sizeof(entry_block<text_and_word, false>) == 256 && entry_block<text_and_word, false>::places == 6);
static_assert(bytes_per_place<entry_block<std::uint64_t, false>> <= 11, "small entries fill one line");

TEST_CASE("tags find every place with a tag, never a free one") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; ++round) {
    block_tags tags(0);
    std::array<std::uint8_t, 7> kept{};
    for (std::size_t place = 0; place < 7; ++place)
      if (random() % 3 != 0) {
        kept[place] = static_cast<std::uint8_t>(block_tags::taken | random() % (round % 2 == 0 ? 3 : 128));
        tags = tags.set(place, kept[place]);
      }
    const std::array<std::uint64_t, 2> passed{random() % 16, random() % 16};
    for (std::uint32_t half = 0; half < 2; ++half)
      for (std::uint64_t i = 0; i < passed[half]; ++i) tags = tags.one_more_passed(half);
    REQUIRE(tags.passed(0) == passed[0]);
    REQUIRE(tags.passed(1) == passed[1]);
    const auto wanted = static_cast<std::uint8_t>(block_tags::taken | random() % (round % 2 == 0 ? 3 : 128));
    std::set<std::size_t> found;
    for (std::uint64_t rest = tags.with(wanted); rest != 0; rest &= rest - 1) found.insert(block_tags::first(rest));
    std::set<std::size_t> free;
    for (std::uint64_t rest = tags.free(7); rest != 0; rest &= rest - 1) free.insert(block_tags::first(rest));
    for (std::size_t place = 0; place < 7; ++place) {
      CHECK(tags[place] == kept[place]);
      CHECK(free.contains(place) == (kept[place] == 0));
      if (kept[place] == wanted) CHECK(found.contains(place));
      if (kept[place] == 0) CHECK_FALSE(found.contains(place));
    }
    CHECK(found.size() <= 7);
  }
  CHECK(block_tags::first(block_tags(0).free(3)) == 0);
  CHECK(block_tags(0).set(0, 0x80).set(1, 0x80).set(2, 0x80).free(3) == 0);
}

TEST_CASE("who is not counted any more stays so") {
  for (std::uint32_t half = 0; half < 2; ++half) {
    block_tags tags(0);
    for (int i = 0; i < 20; ++i) tags = tags.one_more_passed(half);
    CHECK(tags.passed(half) == block_tags::many);
    CHECK(tags.passed(1 - half) == 0);
    for (int i = 0; i < 20; ++i) tags = tags.one_less_passed(half);
    CHECK(tags.passed(half) == block_tags::many);
    block_tags few(0);
    for (int i = 0; i < 14; ++i) few = few.one_more_passed(half);
    CHECK(few.passed(half) == 14);
    for (int i = 0; i < 14; ++i) few = few.one_less_passed(half);
    CHECK(few.word() == 0);
  }
}

TEST_CASE("counts, flags and settled bits of a block's places are each their own") {
  entry_block<pair_of_words, true> block;
  std::mt19937_64 random(2);
  std::array<std::uint8_t, 7> counts{};
  std::array<bool, 7> flags{};
  std::array<bool, 7> settled{};
  for (int step = 0; step < 1000; ++step) {
    const std::size_t place = random() % 7;
    block.set_count(place, counts[place] = static_cast<std::uint8_t>(random() % 4));
    const std::size_t other = random() % 7;
    block.set_flag(other, flags[other] = random() % 2 == 0);
    const std::size_t third = random() % 7;
    block.set_settled(third, settled[third] = random() % 2 == 0);
    for (std::size_t i = 0; i < 7; ++i) {
      CHECK(block.count(i) == counts[i]);
      CHECK(block.flag(i) == flags[i]);
      CHECK(block.settled(i) == settled[i]);
    }
  }
  CHECK(block.tags().word() == 0);
}

TEST_CASE("an entry is found by the bit of its tag as by its place") {
  entry_block<pair_of_words, false> block;
  static_assert(decltype(block)::places == 7);
  block_tags tags(0);
  for (std::uint64_t i = 0; i < 7; ++i) {
    block.construct(i, pair_of_words{i, ~i});
    tags = tags.set(i, static_cast<std::uint8_t>(block_tags::taken | i));
  }
  for (std::uint64_t i = 0; i < 7; ++i) {
    const std::uint32_t bit = block_tags::first_bit(tags.with(block_tags::taken | i));
    CHECK(bit == block_tags::bit_of(i));
    CHECK(block_tags::place_of(bit) == i);
    CHECK(&block.at_bit(bit) == &block[i]);
  }
}

TEST_CASE("a shared block's version moves with each change of an entry and is even after it") {
  entry_block<pair_of_words, true> block;
  for (std::uint64_t i = 0; i < 7; ++i) block.construct(i, pair_of_words{i, ~i});
  CHECK(block.version() == 14);
  block.change(3, [](pair_of_words& e) { e.value = 5; });
  CHECK(block.version() == 16);
  CHECK(block.copy(3) == pair_of_words{3, 5});
  CHECK(block.copy(6) == pair_of_words{6, ~std::uint64_t{6}});
  block.set_count(3, 2);
  block.set_tags(block.tags().set(3, 0x81));
  CHECK(block.version() == 16);
}
