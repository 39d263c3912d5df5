#include "simulate/curve_picture.hpp"

#include "simulate/curve_panel.hpp"
#include "simulate/number_text.hpp"
#include "simulate/svg_shape.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace simulate {
namespace {

using svg::attribute;

constexpr std::string_view style = R"(
  text { font-family: "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; fill: #222222; font-size: 12px; }
  .title { font-size: 24px; font-weight: 700; }
  .subtitle { font-size: 14px; fill: #555555; }
  .name { font-size: 16px; font-weight: 700; }
  .detail { fill: #666666; }
  .axis { font-size: 13px; fill: #444444; }
  .legend { font-size: 14px; }
  .strip { font-size: 11px; font-weight: 700; }
  .light { fill: #ffffff; }
  .middle { text-anchor: middle; }
  .end { text-anchor: end; }
  .grid { stroke: #e3e3e3; stroke-width: 1; }
  .mark { stroke: #b0b0b0; stroke-width: 1; }
  .beyond { fill: #8a8a8a; fill-opacity: 0.13; }
  .curve polyline { stroke-linejoin: round; stroke-linecap: butt; }
  .best { stroke: #ffffff; stroke-width: 1.5; }
)";
constexpr double margin = 28;
constexpr double legend_gap = 26;
constexpr double legend_row = 26;

struct layout {
  std::size_t columns;
  double frame_width;
  double frame_height;

  double cell_width() const { return panel_frame::left + frame_width + panel_frame::right; }
  double cell_height() const { return panel_frame::above + frame_height + panel_frame::below; }
};

layout layout_of(std::size_t panels) {
  if (panels == 1) return {1, 960, 440};
  if (panels <= 4) return {2, 600, 330};
  return {3, 470, 280};
}

std::string legend_words(const policy& order, counted by) {
  if (!order.is_reference) return std::string(order.name);
  return std::string(order.name) + (by == counted::bytes ? " (knows the future, not the sizes)" : " (knows the future)");
}
double legend_width(const policy& order, counted by) { return 45 + svg::text_width(legend_words(order, by), 14) + legend_gap; }
std::string legend_item(const policy& order, counted by, double x, double y) {
  std::string item = "<g" + attribute("class", "legend_item") + ">";
  if (order.is_reference) item += svg::rectangle(x, y, 38, 7, attribute("class", "beyond"));
  item += svg::line(x, y, x + 38, y,
                    attribute("stroke", order.style.colour) + attribute("stroke-width", 3) +
                        (order.style.dashes.empty() ? std::string() : attribute("stroke-dasharray", order.style.dashes)));
  return item + svg::text(x + 45, y + 5, legend_words(order, by), attribute("class", "legend")) + "</g>\n";
}
/// The legend in rows of at most this width; `rows` says how many.
std::string legend(const trace_result& result, double left, double above, double width, std::size_t& rows) {
  std::string text;
  double x = 0;
  rows = 1;
  for (const policy_curve& curve : result.curves) {
    const double needed = legend_width(*curve.order, result.by);
    if (x != 0 && x + needed - legend_gap > width) {
      x = 0;
      ++rows;
    }
    text += legend_item(*curve.order, result.by, left + x, above + static_cast<double>(rows - 1) * legend_row);
    x += needed;
  }
  return text;
}

std::string hatching(const policy& order) {
  return "<pattern" + attribute("id", hatching_of(order)) +
         " width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">" +
         "<rect width=\"7\" height=\"7\"" + attribute("fill", order.style.colour) +
         " fill-opacity=\"0.28\"/><rect width=\"2.5\" height=\"7\"" + attribute("fill", order.style.colour) +
         " fill-opacity=\"0.55\"/></pattern>\n";
}

}  // namespace

std::string curve_picture(std::span<const trace_result> results) {
  struct part {
    const trace_result* result;
    measure what;
  };
  std::vector<part> parts;
  for (const trace_result& result : results) {
    parts.push_back({&result, measure::miss_ratio});
    if (result.by == counted::bytes) parts.push_back({&result, measure::byte_miss_ratio});
  }
  if (parts.empty()) return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>\n";
  const layout grid = layout_of(parts.size());
  const double width = 2 * margin + static_cast<double>(grid.columns) * grid.cell_width();

  const double left_edge = margin + panel_frame::left;
  const double legend_top = margin + 86;
  double legend_space = width - margin - left_edge;
  std::size_t legend_rows = 0;
  std::string legend_text = legend(results.front(), left_edge, legend_top, legend_space, legend_rows);
  while (legend_space > 300) {  // as narrow as it goes without another row, so that rows are about equal
    std::size_t rows_when_narrower = 0;
    legend_space -= 10;
    std::string narrower = legend(results.front(), left_edge, legend_top, legend_space, rows_when_narrower);
    if (rows_when_narrower != legend_rows) break;
    legend_text = std::move(narrower);
  }
  const double top = legend_top + static_cast<double>(legend_rows - 1) * legend_row + 22;
  const double rows = static_cast<double>((parts.size() + grid.columns - 1) / grid.columns);
  const double height = top + rows * grid.cell_height() + margin / 2;

  constexpr std::string_view title = "Miss ratio by cache size";
  std::string text = "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"" +
                     attribute("viewBox", "0 0 " + shortest(width) + " " + shortest(height)) + attribute("width", width) +
                     attribute("height", height) + ">\n<title>" + escaped_for_xml(title) + "</title>\n<style>" +
                     std::string(style) + "</style>\n<defs>\n";
  for (const policy_curve& curve : results.front().curves)
    if (!curve.order->style.dashes.empty()) text += hatching(*curve.order);
  text += "</defs>\n" + svg::rectangle(0, 0, width, height, attribute("fill", "#ffffff"));
  text += svg::text(left_edge, margin + 26, title, attribute("class", "title"));
  text +=
      svg::text(left_edge, margin + 52, "Lower is better. Dots and the strip below the curves mark the best policy at each size.",
                attribute("class", "subtitle"));
  text += legend_text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double left = margin + static_cast<double>(i % grid.columns) * grid.cell_width() + panel_frame::left;
    const double above = top + static_cast<double>(i / grid.columns) * grid.cell_height() + panel_frame::above;
    text += curve_panel(*parts[i].result, parts[i].what, {left, above, grid.frame_width, grid.frame_height});
  }
  return text + "</svg>\n";
}

}  // namespace simulate
