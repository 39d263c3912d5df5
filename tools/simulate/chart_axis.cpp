#include "simulate/chart_axis.hpp"

#include "simulate/number_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace simulate {
namespace {

/// `200`, `5k`, `10M`; in bytes `200 B`, `5 kB`, `10 MB`.
std::string size_text(double size, counted by) {
  constexpr std::array<const char*, 7> units{"", "k", "M", "G", "T", "P", "E"};
  std::size_t unit = 0;
  while (size >= 999.5 && unit + 1 < units.size()) {
    size /= 1000;
    ++unit;
  }
  return by == counted::bytes ? shortest(size, 3) + " " + units[unit] + "B" : shortest(size, 3) + units[unit];
}

}  // namespace

chart_axis ratio_axis(double low, double high) {
  constexpr std::array<double, 7> steps{0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25};
  constexpr double rounding = 1e-9;
  const double step = *std::find_if(steps.begin(), steps.end() - 1, [&](double s) { return (high - low) / s <= 6; });
  double first = std::floor(low / step + rounding);
  double last = std::ceil(high / step - rounding);
  if (first <= 1) first = 0;
  if (last <= first) last = first + 1;
  if (last * step > 1 + rounding) last = std::round(1 / step);
  if (last <= first) first = last - 1;
  chart_axis axis{first * step, last * step, {}};
  for (double n = first; n <= last; ++n)
    axis.ticks.push_back({n * step, decimal(n * step, step < 0.01 ? 3 : step < 0.1 || step == 0.25 ? 2 : 1)});
  return axis;
}

chart_axis size_axis(std::uint64_t low, std::uint64_t high, counted by, double length) {
  double from = std::log10(static_cast<double>(low));
  double to = std::log10(static_cast<double>(high));
  const double margin = std::max((to - from) * 0.04, low == high ? 0.5 : 0.0);
  from -= margin;
  to += margin;
  chart_axis axis{std::pow(10, from), std::pow(10, to), {}};
  const bool roomy = length / (to - from) > 190;  // pixels per decade
  for (int decade = static_cast<int>(std::floor(from)); decade <= static_cast<int>(std::ceil(to)); ++decade)
    for (int digit = 1; digit <= 9; ++digit) {
      const double value = digit * std::pow(10, decade);
      if (value < axis.low || value > axis.high || value < 0.99) continue;
      const bool named = digit == 1 || (roomy && (digit == 2 || digit == 5));
      axis.ticks.push_back({value, named ? size_text(value, by) : ""});
    }
  return axis;
}

}  // namespace simulate
