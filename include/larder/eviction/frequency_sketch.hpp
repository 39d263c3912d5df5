#pragma once

#include <larder/core/mix.hpp>
#include <larder/core/prefetch.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

namespace larder::eviction {

/// About how often a key was counted of late, 15 at most, also for keys that are not in the cache: a count-min sketch of 4-bit
/// counters, the four of a key in one cache line (Einziger, Friedman, Manes, "TinyLFU", 2017, without the doorkeeper).
/// All counts are halved after ten per key in the cache. Other keys can only raise an estimate. 8 to 16 bytes per key.
template <class Allocator = std::allocator<std::byte>>
class frequency_sketch {
 public:
  /// Makes room for so many keys, at most doubling what there is (which halves the counts); ten counts for each of them come
  /// before the next halving. Without memory it goes on with the counters that it has.
  void cover(std::size_t keys) noexcept {
    if (keys > room()) grow();
    period_ = 10 * std::max<std::uint64_t>(keys, room() / 2);  // fewer keys than that: as often halved, not more
  }

  void prefetch(std::uint64_t key) const noexcept { core::prefetch(&blocks()[find(key).index]); }

  void count(std::uint64_t key, unsigned times = 1) noexcept {
    const place at = find(key);
    block& counters = blocks()[at.index];
    unsigned counted = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      const unsigned more = std::min(times, highest_count - at.counter(counters, row));
      counters.words[at.word(row)] += std::uint64_t{more} << at.shift(row);
      counted = std::max(counted, more);
    }
    counted_ += counted;
    if (counted != 0 && counted_ >= period_) halve();
  }

  unsigned estimate(std::uint64_t key) const noexcept {
    const place at = find(key);
    unsigned lowest = highest_count;
    for (std::size_t row = 0; row < rows; ++row) lowest = std::min(lowest, at.counter(blocks()[at.index], row));
    return lowest;
  }

  /// How many keys it has counters for.
  std::size_t room() const noexcept { return size() * keys_per_block; }

 private:
  static constexpr std::size_t rows = 4;
  static constexpr std::size_t keys_per_block = 8;
  static constexpr unsigned highest_count = 15;

  /// A cache line of 128 counters: two words, 32 counters, for each row.
  struct alignas(64) block {
    std::array<std::uint64_t, 2 * rows> words{};
  };

  using block_list = std::vector<block, typename std::allocator_traits<Allocator>::template rebind_alloc<block>>;

  /// Where a key's counters are.
  struct place {
    std::size_t index;
    std::uint32_t bits;  // five per row

    std::size_t word(std::size_t row) const noexcept { return 2 * row + (bits >> (5 * row + 4) & 1U); }
    unsigned shift(std::size_t row) const noexcept { return (bits >> (5 * row) & 15U) * 4; }
    unsigned counter(const block& b, std::size_t row) const noexcept {
      return static_cast<unsigned>(b.words[word(row)] >> shift(row) & 15U);
    }
  };

  std::size_t size() const noexcept { return std::size_t{1} << bits_; }
  block* blocks() noexcept { return more_.empty() ? &first_ : more_.data(); }
  const block* blocks() const noexcept { return more_.empty() ? &first_ : more_.data(); }

  /// The highest bits name the block, so that doubling splits each block into two neighbours.
  place find(std::uint64_t key) const noexcept {
    const std::uint64_t mixed = core::mix(key);
    return {static_cast<std::size_t>(bits_ == 0 ? 0 : mixed >> (64U - bits_)), static_cast<std::uint32_t>(mixed & 0xfffffU)};
  }

  void halve() noexcept {
    std::uint64_t odd = 0;  // counters that lose half a count
    for (std::size_t i = 0; i < size(); ++i)
      for (std::uint64_t& word : blocks()[i].words) {
        odd += static_cast<std::uint64_t>(std::popcount(word & 0x1111111111111111ULL));
        word = word >> 1U & 0x7777777777777777ULL;
      }
    counted_ = (counted_ - std::min(counted_, odd / rows)) / 2;
  }

  /// Each half of a block's keys keeps all of the block's counts, so they are halved: the others' die out by and by.
  void grow() noexcept {
    try {
      block_list wider;
      wider.reserve(2 * size());
      for (std::size_t i = 0; i < size(); ++i) wider.insert(wider.end(), 2, blocks()[i]);
      more_ = std::move(wider);
    } catch (const std::exception&) {
      return;
    }
    ++bits_;
    halve();
  }

  block first_;      // all there is until there are more
  block_list more_;  // 2^bits_ of them
  unsigned bits_ = 0;
  std::uint64_t counted_ = 0;
  std::uint64_t period_ = 10 * keys_per_block / 2;
};

}  // namespace larder::eviction
