#pragma once

#include <string_view>

namespace simulate {

/// The look of one curve: colours that people with colour-blindness tell apart (Okabe and Ito's palette, its yellow, too light on
/// white, replaced by wine), and a line style where a colour comes again.
struct curve_style {
  std::string_view colour;
  std::string_view dashes;  ///< SVG's stroke-dasharray; empty: a solid line
};

namespace colours {
inline constexpr std::string_view blue = "#0072b2";
inline constexpr std::string_view sky = "#56b4e9";
inline constexpr std::string_view green = "#009e73";
inline constexpr std::string_view orange = "#e69f00";
inline constexpr std::string_view vermilion = "#d55e00";
inline constexpr std::string_view pink = "#cc79a7";
inline constexpr std::string_view wine = "#882255";
inline constexpr std::string_view grey = "#8a8a8a";
}  // namespace colours

namespace lines {
inline constexpr std::string_view solid = "";
inline constexpr std::string_view dashed = "9 4";
}  // namespace lines

}  // namespace simulate
