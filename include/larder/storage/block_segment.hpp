#pragma once

#include <larder/core/prefetch.hpp>
#include <larder/core/slot.hpp>
#include <larder/storage/entry_block.hpp>
#include <larder/storage/large_array.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace larder::storage {

/// Blocks side by side. An entry whose home is full goes to another block, by its own hash, and from there to the next that is not.
/// Were it to go to the next at once, full blocks would gather: with four places of five taken and entries that come and go, a search
/// in vain saw 15 blocks instead of 6.
template <class Block>
struct block_row {
  Block* blocks = nullptr;
  std::size_t count = 0;

  /// The block where an entry's search begins, by the upper half of its hash.
  std::size_t home(std::uint64_t hash) const noexcept { return static_cast<std::size_t>(((hash >> 32) * count) >> 32); }
  /// The block to look into after this one, when so many have been.
  std::size_t next(std::size_t b, std::size_t seen, std::uint64_t hash) const noexcept {
    if (seen == 1) return home(((hash >> 32) * 0x9e37'79b9U) << 32);
    return b + 1 == count ? 0 : b + 1;
  }
  /// More than that see some block again.
  std::size_t most_seen() const noexcept { return count + 1; }
};

/// An array of blocks that never grows, and in arrays of their own what the order keeps of each place and, with
/// `KeepsHashes`, the hash of the entry in it.
template <class Block, class State, bool KeepsHashes>
struct block_segment {
  block_segment(slot from, std::size_t blocks_count)
      : blocks(blocks_count),
        first(from),
        states(std::is_empty_v<State> ? 0 : places()),
        hashes(KeepsHashes ? places() : 0) {}

  std::size_t places() const noexcept { return blocks.size() * Block::places; }
  std::uint64_t end() const noexcept { return std::uint64_t{first} + places(); }
  /// Beyond seven eighths, chains of full blocks grow long.
  bool has_room() const noexcept { return used < places() - places() / 8; }

  block_row<Block> row() const noexcept { return {blocks.data(), blocks.size()}; }

  slot slot_at(std::size_t b, std::size_t place) const noexcept { return static_cast<slot>(first + b * Block::places + place); }
  std::size_t block_of(slot number) const noexcept { return (number - first) / Block::places; }
  std::size_t place_of(slot number) const noexcept { return (number - first) % Block::places; }

  State& state(slot number) const noexcept { return states[number - first]; }
  void renew_state(slot number) noexcept {
    if constexpr (!std::is_empty_v<State>) {
      std::destroy_at(&state(number));
      std::construct_at(&state(number));
    }
  }
  /// Asks for the block of a slot, and for what the order keeps of it.
  void prefetch(slot number) const noexcept {
    core::prefetch(&blocks[block_of(number)]);
    if constexpr (!std::is_empty_v<State>) core::prefetch(&state(number));
  }
  std::uint64_t hash(slot number) const noexcept { return hashes[number - first]; }
  void remember(std::size_t place, std::uint64_t hash) noexcept {
    if constexpr (KeepsHashes) hashes[place] = hash;
  }

  std::size_t memory() const noexcept {
    return blocks.size() * sizeof(Block) + states.size() * sizeof(State) + hashes.size() * sizeof(std::uint64_t);
  }

  const large_array<Block> blocks;
  const slot first;
  const large_array<State> states;
  const large_array<std::uint64_t> hashes;
  std::size_t used = 0;
};

}  // namespace larder::storage
