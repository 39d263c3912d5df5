#include "simulate/results_page.hpp"

#include "simulate/curve_picture.hpp"
#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>
#include <larder/core/version.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace simulate {
namespace {

constexpr std::string_view style = R"(
  body { margin: 0 auto; padding: 1.5rem; max-width: 1720px; background: #fff; color: #222;
         font: 15px/1.45 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; }
  svg { width: 100%; height: auto; }
  h2 { margin: 2.2rem 0 .4rem; font-size: 1.15rem; }
  h2 small { font-weight: 400; color: #666; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
  caption { text-align: left; padding: .5rem 0; color: #666; }
  th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #e6e6e6; white-space: nowrap; }
  th:first-child { text-align: left; }
  tbody th { font-weight: 400; }
  thead th { border-bottom: 2px solid #bbb; }
  .best { font-weight: 700; background: #e5f4ef; }
  .reference { color: #777; font-style: italic; }
)";

std::string table(const trace_result& result, measure what) {
  std::string text = "<div class=\"wide\"><table>\n<caption>";
  text += what == measure::miss_ratio ? "share of the requests missed" : "share of the bytes missed";
  text += result.by == counted::bytes ? ", by cache size" : ", by cache size in entries";
  text += "</caption>\n<thead><tr><th scope=\"col\">policy</th>";
  for (const std::uint64_t capacity : result.capacities)
    text += "<th scope=\"col\">" + (result.by == counted::bytes ? larder::format_size(capacity) : grouped(capacity)) + "</th>";
  text += "</tr></thead>\n<tbody>\n";
  for (std::size_t c = 0; c < result.curves.size(); ++c) {
    const policy& order = *result.curves[c].order;
    text += order.is_reference ? "<tr class=\"reference\">" : "<tr>";
    text += "<th scope=\"row\">" + escaped_for_xml(order.name) + "</th>";
    for (std::size_t i = 0; i < result.capacities.size(); ++i) {
      const std::vector<std::size_t> best = result.best_at(i, what);
      const bool is_best = std::find(best.begin(), best.end(), c) != best.end();
      text += (is_best ? "<td class=\"best\">" : "<td>") + decimal(result.curves[c].value(i, what), 4) + "</td>";
    }
    text += "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

}  // namespace

std::string results_page(std::span<const trace_result> results) {
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<title>Miss ratio by cache size</title>\n<style>" +
      std::string(style) + "</style>\n</head>\n<body>\n" + curve_picture(results);
  for (const trace_result& result : results) {
    text += "<h2>" + escaped_for_xml(result.name) + " <small>" + grouped(result.requests) + " requests, " + grouped(result.keys) +
            " keys";
    if (result.by == counted::bytes) text += ", " + larder::format_size(result.footprint_bytes);
    text += "</small></h2>\n" + table(result, measure::miss_ratio);
    if (result.by == counted::bytes) text += table(result, measure::byte_miss_ratio);
  }
  return text + "<p><small>larder simulate " LARDER_VERSION_STRING "</small></p>\n</body>\n</html>\n";
}

}  // namespace simulate
