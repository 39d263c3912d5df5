#pragma once

#include <cstddef>

namespace larder::core {

/// The places of a table with linear probing whose size is a power of two.
struct masked_ring {
  std::size_t mask;  ///< one less than the size
  std::size_t after(std::size_t at) const noexcept { return (at + 1) & mask; }
  std::size_t distance(std::size_t from, std::size_t to) const noexcept { return (to - from) & mask; }
};

/// Frees a cell of a table with linear probing and leaves no tombstone: later cells of its cluster move up unless their home lies
/// behind the gap. At least one of the cells of the ring is `free`; `home_of(cell)` is where a search for what a cell holds begins.
template <class Cells, class Ring, class Cell, class Home>
void free_cell(Cells& cells, std::size_t gap, const Ring& ring, Cell free, const Home& home_of) noexcept {
  for (std::size_t at = ring.after(gap); cells[at] != free; at = ring.after(at)) {
    if (ring.distance(home_of(cells[at]), at) < ring.distance(gap, at)) continue;
    cells[gap] = cells[at];
    gap = at;
  }
  cells[gap] = free;
}
template <class Cells, class Cell, class Home>
void free_cell(Cells& cells, std::size_t gap, std::size_t mask, Cell free, const Home& home_of) noexcept {
  free_cell(cells, gap, masked_ring{mask}, free, home_of);
}

}  // namespace larder::core
