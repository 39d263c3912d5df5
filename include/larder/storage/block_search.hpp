#pragma once

#include <larder/core/slot.hpp>
#include <larder/storage/block_segment.hpp>
#include <larder/storage/entry_block.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace larder::storage {

/// What a reader without a lock has seen.
enum class unlocked_read : std::uint8_t { hit, miss, too_old, busy };

/// The search for a key through a row of blocks: from its home on, as far as entries were turned away there for want of room.
template <class Block, class Entry>
struct block_search {
  /// The way to an entry that was found.
  struct cursor {
    Block* in = nullptr;
    std::uint32_t bit = 0;  // of its tag
    slot number = no_slot;
    std::uint32_t place() const noexcept { return block_tags::place_of(bit); }
  };
  /// Under the writers' lock; the first of the row's slots is `first`.
  template <class Key>
  static cursor locate(const block_row<Block>& row, slot first, const Key& k, std::uint64_t hash) {
    std::size_t b = row.home(hash);
    for (std::size_t seen = 1;; ++seen) {
      Block& x = row.blocks[b];
      x.prefetch();
      const block_tags tags = x.tags();
      for (std::uint64_t found = tags.with(block_tags::tag_of(hash)); found != 0; found &= found - 1) {
        const std::size_t place = block_tags::first(found);
        if (x[place].key == k) return {&x, block_tags::bit_of(place), static_cast<slot>(first + b * Block::places + place)};
      }
      if (tags.passed(block_tags::half_of(hash)) == 0 || seen == row.most_seen()) [[likely]] return {};
      b = row.next(b, seen, hash);
    }
  }

  /// What a reader without a lock has found.
  struct sight {
    unlocked_read outcome = unlocked_read::miss;
    Block* in = nullptr;
    std::size_t place = 0;
    std::array<std::uint64_t, sizeof(Entry) / sizeof(std::uint64_t)> words{};
  };
  /// Without a lock, beside at most one writer; begins anew at most `MostTries` times when that one came between.
  template <int MostTries, class Key>
  static sight read(const block_row<Block>& row, const Key& k, std::uint64_t hash) {
    std::size_t b = row.home(hash);
    std::size_t blocks_seen = 1;
    for (int tries = 0; tries < MostTries;) {
      Block& x = row.blocks[b];
      x.prefetch();
      const std::uint32_t version = x.version();
      const block_tags tags = x.tags();
      bool torn = false;
      for (std::uint64_t found = tags.with(block_tags::tag_of(hash)); found != 0; found &= found - 1) {
        const std::size_t place = block_tags::first(found);
        const Entry e = x.copy(place);
        torn = (version & 1U) != 0 || x.version_again() != version;
        if (torn) break;
        if (e.key == k) return {unlocked_read::hit, &x, place, std::bit_cast<decltype(sight::words)>(e)};
      }
      if (torn) {
        ++tries;
        continue;
      }
      if (tags.passed(block_tags::half_of(hash)) == 0 || blocks_seen == row.most_seen()) return {};
      b = row.next(b, blocks_seen++, hash);
    }
    return {unlocked_read::busy};
  }
};

}  // namespace larder::storage
