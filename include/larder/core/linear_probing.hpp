#pragma once

#include <cstddef>

namespace larder::core {

/// Frees a cell of a table with linear probing and leaves no tombstone: later cells of its cluster move up unless their home lies
/// behind the gap. `cells[0]` to `cells[mask]` (one less than a power of two) are the table, at least one of them `free`;
/// `home_of(cell)` is where a search for what a cell holds begins.
template <class Cells, class Cell, class Home>
void free_cell(Cells& cells, std::size_t gap, std::size_t mask, Cell free, const Home& home_of) noexcept {
  for (std::size_t at = (gap + 1) & mask; cells[at] != free; at = (at + 1) & mask) {
    if (((at - home_of(cells[at])) & mask) < ((at - gap) & mask)) continue;
    cells[gap] = cells[at];
    gap = at;
  }
  cells[gap] = free;
}

}  // namespace larder::core
