#pragma once

// Open addressing with linear probing from 32 bits of hash to a slot number: 8 bytes a cell, deletion by shifting back, so
// there are no tombstones. A table that was sized for its limit never grows; one that grows moves a few clusters of cells
// per insertion, so that no single put pays for all. Slot numbers never change. How large it is its `Sizing` says: powers
// of two, at most 3/4 full, are the fastest to search (11 to 21 bytes an entry); close sizes, at most 5/6 full and larger by
// a quarter each time, take 10 to 12.

#include <larder/core/linear_probing.hpp>
#include <larder/core/prefetch.hpp>
#include <larder/core/slot.hpp>
#include <larder/storage/large_array.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace larder::storage {

/// A ring of 2^n cells, twice as many each time.
class doubling_ring {
 public:
  static constexpr std::size_t steps = 8;  // that an insertion moves, at least, of the smaller table

  doubling_ring() = default;
  static doubling_ring for_entries(std::size_t expected) noexcept {
    const std::size_t cells = std::bit_ceil(expected + expected / 3 + 2);
    return doubling_ring(static_cast<unsigned>(std::max<std::size_t>(smallest_bits, static_cast<std::size_t>(std::countr_zero(cells)))));
  }
  doubling_ring larger() const noexcept { return doubling_ring(bits_ + 1); }

  std::size_t size() const noexcept { return std::size_t{1} << bits_; }
  bool is_full_with(std::size_t entries) const noexcept { return entries * 4 > size() * 3; }
  /// Where to look for a tag first; larger tags begin later.
  std::size_t home(std::uint32_t tag) const noexcept { return static_cast<std::size_t>((std::uint64_t{tag} << 32) >> (64 - bits_)); }
  std::size_t after(std::size_t at) const noexcept { return (at + 1) & mask(); }
  std::size_t distance(std::size_t from, std::size_t to) const noexcept { return (to - from) & mask(); }

 private:
  static constexpr std::size_t smallest_bits = 3;
  explicit doubling_ring(unsigned bits) noexcept : bits_(bits) {}
  std::size_t mask() const noexcept { return (std::size_t{1} << bits_) - 1; }

  unsigned bits_ = 0;
};

/// A ring of as many cells as it takes, a quarter more each time.
class close_ring {
 public:
  static constexpr std::size_t steps = 32;

  close_ring() = default;
  static close_ring for_entries(std::size_t expected) noexcept { return close_ring(expected + expected / 5 + smallest); }
  close_ring larger() const noexcept { return close_ring(cells_ + cells_ / 4); }

  std::size_t size() const noexcept { return cells_; }
  bool is_full_with(std::size_t entries) const noexcept { return entries * 6 > cells_ * 5; }
  std::size_t home(std::uint32_t tag) const noexcept { return static_cast<std::size_t>(tag * std::uint64_t{cells_} >> 32); }
  std::size_t after(std::size_t at) const noexcept { return at + 1 == cells_ ? 0 : at + 1; }
  std::size_t distance(std::size_t from, std::size_t to) const noexcept { return to >= from ? to - from : to + cells_ - from; }

 private:
  static constexpr std::size_t smallest = 8;
  explicit close_ring(std::size_t cells) noexcept : cells_(cells) {}

  std::size_t cells_ = 0;
};

/// Finds slots by hash; knows no keys: the caller says whether a slot is the right one.
template <class Sizing>
class basic_slot_index {
 public:
  /// Room for `expected` entries without growing.
  explicit basic_slot_index(std::size_t expected = 0) : now_(Sizing::for_entries(expected)) {}
  /// Room for so many, where there is less; for an index that is still empty.
  void reserve(std::size_t expected) {
    if (now_.ring.is_full_with(expected)) now_ = table(Sizing::for_entries(expected));
  }

  std::size_t size() const noexcept { return now_.used + before_.used; }
  std::size_t memory() const noexcept { return (now_.cells.size() + before_.cells.size()) * sizeof(std::uint64_t); }

  /// The slot of that hash for which `matches(slot)`, or `no_slot`.
  template <class Matches>
  slot find(std::uint64_t hash, Matches&& matches) const {
    const slot found = now_.find(tag_of(hash), matches);
    if (found != no_slot || before_.used == 0) return found;
    return before_.find(tag_of(hash), matches);
  }

  /// Asks for the memory where a slot of this hash will be added.
  void prefetch(std::uint64_t hash) const noexcept { core::prefetch(&now_.cells[now_.ring.home(tag_of(hash))]); }

  /// Adds a slot that is not there yet.
  void insert(std::uint64_t hash, slot s) {
    if (now_.ring.is_full_with(size() + 1)) grow();
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
  /// The upper half of the hash: shards are chosen by the lower one.
  static std::uint32_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32); }
  static std::uint64_t cell_of(std::uint32_t tag, slot s) noexcept { return (static_cast<std::uint64_t>(tag) << 32) | (s + 1U); }

  struct table {
    table() = default;
    explicit table(Sizing r) : cells(r.size()), ring(r) {}

    std::size_t home(std::uint64_t cell) const noexcept { return ring.home(static_cast<std::uint32_t>(cell >> 32)); }
    static slot slot_in(std::uint64_t cell) noexcept { return static_cast<slot>(cell) - 1U; }

    template <class Matches>
    slot find(std::uint32_t tag, Matches& matches) const {
      for (std::size_t at = ring.home(tag);; at = ring.after(at)) {
        const std::uint64_t cell = cells[at];
        if (cell == 0) return no_slot;
        if (static_cast<std::uint32_t>(cell >> 32) == tag && matches(slot_in(cell))) return slot_in(cell);
      }
    }

    void insert(std::uint64_t cell) noexcept {
      std::size_t at = home(cell);
      while (cells[at] != 0) at = ring.after(at);
      cells[at] = cell;
      ++used;
    }

    bool erase(std::uint64_t cell) noexcept {
      if (used == 0) return false;
      std::size_t at = home(cell);
      while (cells[at] != cell) {
        if (cells[at] == 0) return false;
        at = ring.after(at);
      }
      core::free_cell(cells, at, ring, std::uint64_t{0}, [this](std::uint64_t c) { return home(c); });
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
    Sizing ring;
    std::size_t used = 0;
  };

  void grow() {
    table larger(now_.ring.larger());
    while (before_.used != 0) move_some();  // only when it grows again at once
    before_ = std::move(now_);
    now_ = std::move(larger);
    cursor_ = 0;
    while (before_.cells[cursor_] != 0) ++cursor_;  // start behind an empty cell, so that only whole clusters move
  }

  /// Moves at least so many cells' worth of whole clusters, so that every probe in the old table still finds its cluster whole.
  void move_some() noexcept {
    for (std::size_t steps = 0; before_.used != 0 && (steps < Sizing::steps || before_.cells[cursor_] != 0); ++steps) {
      if (std::uint64_t& cell = before_.cells[cursor_]; cell != 0) {
        now_.insert(cell);
        cell = 0;
        --before_.used;
      }
      cursor_ = before_.ring.after(cursor_);
    }
    if (before_.used == 0) before_ = table{};
  }

  table now_;
  table before_;
  std::size_t cursor_ = 0;
};

/// Where a look-up must not wait.
using slot_index = basic_slot_index<doubling_ring>;
/// Where there are so many entries that their memory counts.
using close_slot_index = basic_slot_index<close_ring>;

}  // namespace larder::storage
