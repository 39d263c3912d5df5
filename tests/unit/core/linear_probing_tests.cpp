#include <larder/core/linear_probing.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <set>

namespace {

// A table of sixteen cells; a value's home is its lowest four bits.
struct sixteen {
  static constexpr int free = -1;
  static constexpr std::size_t mask = 15;
  std::array<int, 16> cells;
  sixteen() { cells.fill(free); }

  static std::size_t home(int value) { return static_cast<std::size_t>(value) & mask; }
  std::size_t cell_of(int value) const {  // 16 when a search does not find it
    std::size_t at = home(value);
    while (cells[at] != value) {
      if (cells[at] == free) return 16;
      at = (at + 1) & mask;
    }
    return at;
  }
  void insert(int value) {
    std::size_t at = home(value);
    while (cells[at] != free) at = (at + 1) & mask;
    cells[at] = value;
  }
  void erase(int value) { larder::core::free_cell(cells, cell_of(value), mask, free, home); }
};

}  // namespace

TEST_CASE("a cell that is freed makes room for those of its cluster that belong there, and for no others") {
  sixteen table;
  for (const int value : {14, 30, 15, 0, 46}) table.insert(value);  // cells 14, 15, 0, 1, 2: around the end
  table.erase(30);
  CHECK(table.cells[14] == 14);
  CHECK(table.cells[15] == 15);
  CHECK(table.cells[0] == 0);
  CHECK(table.cells[1] == 46);
  CHECK(table.cells[2] == sixteen::free);
  table.erase(14);
  CHECK(table.cells[14] == 46);
  CHECK(table.cells[15] == 15);
  CHECK(table.cells[0] == 0);
  CHECK(table.cells[1] == sixteen::free);
}

TEST_CASE("whatever is freed, what stays is found and what left is not") {
  std::mt19937 random(5);
  sixteen table;
  std::set<int> there;
  for (int step = 0; step < 20000; ++step) {
    const int value = static_cast<int>(random() % 48);
    if (there.contains(value)) {
      table.erase(value);
      there.erase(value);
    } else if (there.size() < 15) {
      table.insert(value);
      there.insert(value);
    }
    REQUIRE(std::count(table.cells.begin(), table.cells.end(), sixteen::free) == 16 - static_cast<std::ptrdiff_t>(there.size()));
    for (int any = 0; any < 48; ++any) REQUIRE((table.cell_of(any) < 16) == there.contains(any));
  }
}
