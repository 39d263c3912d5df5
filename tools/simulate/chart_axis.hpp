#pragma once

#include "simulate/policy_run.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace simulate {

/// A mark on an axis; without a text it is a minor one.
struct tick {
  double value;
  std::string text;
};

/// What an axis shows, and its marks in ascending order.
struct chart_axis {
  double low;
  double high;
  std::vector<tick> ticks;
};

/// An axis for ratios from `low` to `high`, at most 0 to 1, that ends on round numbers.
chart_axis ratio_axis(double low, double high);
/// A logarithmic axis for cache sizes, a little wider than from `low` to `high`, `length` pixels long.
chart_axis size_axis(std::uint64_t low, std::uint64_t high, counted by, double length);

}  // namespace simulate
