#pragma once

#include <larder/eviction/ghost_memory.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace larder::eviction {

/// Hashes of entries that left, each with its age: how many have left since. Remembers about so many of the last as it is told.
/// Sets of eight places in 32 bytes, 4.5 bytes per hash remembered; in a full set the oldest makes room. Of a hash 16
/// bits are kept beyond those that choose the set (none of the lowest 16: shards are chosen by them), so a stranger is taken for
/// one of them with a probability of 8 / 2^16. Ages are exact for up to 2^14 hashes and to 1 / 2^13 of the span beyond.
/// When the span grows by half or shrinks to a quarter the table is made anew and all is forgotten. Without memory it forgets
/// everything; nothing throws.
template <class Memory = ghost_memory>
class ghost_table {
 public:
  static constexpr std::uint64_t absent = std::numeric_limits<std::uint64_t>::max();

  /// How many hashes have been put in.
  std::uint64_t pushed() const noexcept { return pushed_; }

  void push(std::uint64_t hash, std::size_t remembered) noexcept {
    fit(std::clamp<std::size_t>(remembered, 1, most_remembered));
    ++pushed_;
    if (set_count_ == 0) return;
    place_set& set = set_of(hash);
    place* into = &set.front();
    for (place& each : set) {
      if (each.print == 0 || each.print == print_of(hash)) {
        into = &each;
        break;
      }
      if (ticks_since(each) > ticks_since(*into)) into = &each;
    }
    *into = {print_of(hash), now()};
  }

  /// The age of a hash, `absent` if it is not there. Not there any more afterwards.
  std::uint64_t take(std::uint64_t hash) noexcept {
    if (set_count_ == 0) return absent;
    for (place& each : set_of(hash)) {
      if (each.print != print_of(hash)) continue;
      each.print = 0;
      return std::uint64_t{ticks_since(each)} << tick_bits_;
    }
    return absent;
  }

  std::size_t memory() const noexcept { return set_count_ * sizeof(place_set); }

 private:
  static constexpr std::size_t ways = 8;
  static constexpr std::size_t most_remembered = std::size_t{1} << 31;
  /// Ages are told apart up to 2^16 ticks, four spans at least: by then all of a set has been written over.
  static constexpr int ticks_per_span_bits = 14;

  /// A print of 0 is a free place.
  struct place {
    std::uint16_t print;
    std::uint16_t tick;
  };
  using place_set = std::array<place, ways>;

  static std::uint16_t print_of(std::uint64_t hash) noexcept {
    const auto print = static_cast<std::uint16_t>(hash >> 16);
    return print == 0 ? std::uint16_t{1} : print;
  }
  place_set& set_of(std::uint64_t hash) noexcept { return sets_[static_cast<std::size_t>(((hash >> 32) * set_count_) >> 32)]; }
  std::uint16_t now() const noexcept { return static_cast<std::uint16_t>(pushed_ >> tick_bits_); }
  std::uint16_t ticks_since(const place& p) const noexcept { return static_cast<std::uint16_t>(now() - p.tick); }

  void fit(std::size_t remembered) noexcept {
    if (set_count_ != 0 && remembered <= remembered_ + remembered_ / 2 && remembered >= remembered_ / 4) return;
    // An eighth more than must be remembered: sets do not fill alike.
    const std::size_t count = (remembered + remembered / 8 + ways - 1) / ways;
    auto sets = make_ghost_array<place_set, Memory>(count);
    if (!sets) return;
    sets_ = std::move(sets);
    set_count_ = count;
    remembered_ = remembered;
    tick_bits_ = std::max(0, static_cast<int>(std::bit_width(remembered)) - ticks_per_span_bits);
  }

  ghost_array<place_set, Memory> sets_;
  std::size_t set_count_ = 0;
  std::size_t remembered_ = 0;
  std::uint64_t pushed_ = 0;
  int tick_bits_ = 0;
};

}  // namespace larder::eviction
