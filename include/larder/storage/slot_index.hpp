#pragma once

// Open addressing with linear probing from 32 bits of hash to a slot number: 8 bytes a cell, at most 3/4 full, deletion
// by shifting back, so there are no tombstones. A table that was sized for its limit never grows; one that grows doubles
// and moves a few clusters of cells per insertion, so that no single put pays for all. Slot numbers never change.

#include <larder/core/linear_probing.hpp>
#include <larder/core/slot.hpp>
#include <larder/storage/large_array.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace larder::storage {

/// Finds slots by hash; knows no keys: the caller says whether a slot is the right one.
class slot_index {
 public:
  /// Room for `expected` entries without growing.
  explicit slot_index(std::size_t expected = 0) : now_(bits_for(expected)) {}

  std::size_t size() const noexcept { return now_.used + before_.used; }
  std::size_t memory() const noexcept { return (now_.cells.size() + before_.cells.size()) * sizeof(std::uint64_t); }

  /// The slot of that hash for which `matches(slot)`, or `no_slot`.
  template <class Matches>
  slot find(std::uint64_t hash, Matches&& matches) const {
    const slot found = now_.find(tag_of(hash), matches);
    if (found != no_slot || before_.used == 0) return found;
    return before_.find(tag_of(hash), matches);
  }

  /// Adds a slot that is not there yet.
  void insert(std::uint64_t hash, slot s) {
    if ((size() + 1) * 4 > now_.cells.size() * 3) grow();
    if (before_.used != 0) move_some();
    now_.insert(cell_of(tag_of(hash), s));
  }

  /// Takes out a slot that is there.
  void erase(std::uint64_t hash, slot s) noexcept {
    if (!now_.erase(cell_of(tag_of(hash), s))) before_.erase(cell_of(tag_of(hash), s));
  }

  /// f(slot) for each, in no order. f must not change the index.
  template <class F>
  void for_each(F&& f) const {
    now_.for_each(f);
    before_.for_each(f);
  }

  void clear() noexcept {
    before_ = table{};
    now_.clear();
  }

 private:
  static constexpr std::size_t smallest_bits = 3;

  /// The upper half of the hash: shards are chosen by the lower one.
  static std::uint32_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32); }
  static std::uint64_t cell_of(std::uint32_t tag, slot s) noexcept { return (static_cast<std::uint64_t>(tag) << 32) | (s + 1U); }
  static unsigned bits_for(std::size_t expected) noexcept {
    const std::size_t cells = std::bit_ceil(expected + expected / 3 + 2);
    return static_cast<unsigned>(std::max<std::size_t>(smallest_bits, static_cast<std::size_t>(std::countr_zero(cells))));
  }

  struct table {
    table() = default;
    explicit table(unsigned b) : cells(std::size_t{1} << b), bits(b) {}

    std::size_t mask() const noexcept { return (std::size_t{1} << bits) - 1; }
    std::size_t home(std::uint64_t cell) const noexcept { return static_cast<std::size_t>(cell >> (64 - bits)); }
    static slot slot_in(std::uint64_t cell) noexcept { return static_cast<slot>(cell) - 1U; }

    template <class Matches>
    slot find(std::uint32_t tag, Matches& matches) const {
      for (std::size_t at = home(static_cast<std::uint64_t>(tag) << 32);; at = (at + 1) & mask()) {
        const std::uint64_t cell = cells[at];
        if (cell == 0) return no_slot;
        if (static_cast<std::uint32_t>(cell >> 32) == tag && matches(slot_in(cell))) return slot_in(cell);
      }
    }

    void insert(std::uint64_t cell) noexcept {
      std::size_t at = home(cell);
      while (cells[at] != 0) at = (at + 1) & mask();
      cells[at] = cell;
      ++used;
    }

    bool erase(std::uint64_t cell) noexcept {
      if (used == 0) return false;
      std::size_t at = home(cell);
      while (cells[at] != cell) {
        if (cells[at] == 0) return false;
        at = (at + 1) & mask();
      }
      core::free_cell(cells, at, mask(), std::uint64_t{0}, [this](std::uint64_t c) { return home(c); });
      --used;
      return true;
    }

    template <class F>
    void for_each(F& f) const {
      if (used == 0) return;
      for (std::size_t at = 0; at < cells.size(); ++at)
        if (cells[at] != 0) f(slot_in(cells[at]));
    }

    void clear() noexcept {
      std::fill_n(cells.data(), cells.size(), std::uint64_t{0});
      used = 0;
    }

    large_array<std::uint64_t> cells;
    unsigned bits = 0;
    std::size_t used = 0;
  };

  void grow() {
    table larger(now_.bits + 1);
    while (before_.used != 0) move_some();  // only when it grows again at once
    before_ = std::move(now_);
    now_ = std::move(larger);
    cursor_ = 0;
    while (before_.cells[cursor_] != 0) ++cursor_;  // start behind an empty cell, so that only whole clusters move
  }

  /// Moves at least eight cells' worth of whole clusters, so that every probe in the old table still finds its cluster whole.
  void move_some() noexcept {
    for (std::size_t steps = 0; before_.used != 0 && (steps < 8 || before_.cells[cursor_] != 0); ++steps) {
      if (std::uint64_t& cell = before_.cells[cursor_]; cell != 0) {
        now_.insert(cell);
        cell = 0;
        --before_.used;
      }
      cursor_ = (cursor_ + 1) & before_.mask();
    }
    if (before_.used == 0) before_ = table{};
  }

  table now_;
  table before_;
  std::size_t cursor_ = 0;
};

}  // namespace larder::storage
