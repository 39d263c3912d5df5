#pragma once

#include "simulate/trace_result.hpp"

#include <string>
#include <string_view>

namespace simulate {

/// Where the curves of a panel go in the picture; titles, ticks and labels are around it.
struct panel_frame {
  double x;
  double y;
  double width;
  double height;

  static constexpr double left = 64;  ///< room that a panel needs around the frame
  static constexpr double right = 16;
  static constexpr double above = 40;
  static constexpr double below = 84;
};

/// One trace's miss-ratio curves over a logarithmic cache size, as SVG: a curve per policy in its style, a dot on the best at each
/// size, and below the curves a strip that names the best.
std::string curve_panel(const trace_result& result, measure what, const panel_frame& frame);

/// The name of the hatching, defined once per picture, that stands for a policy with a broken line where areas are filled.
std::string hatching_of(const policy& order);

}  // namespace simulate
