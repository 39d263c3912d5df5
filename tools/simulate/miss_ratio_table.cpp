#include "simulate/miss_ratio_table.hpp"

#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <algorithm>
#include <cstddef>

namespace simulate {
namespace {

constexpr std::size_t column_width = 10;

std::string right(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}
std::string left(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, text.size()), ' ');
}

std::string capacity_text(std::uint64_t capacity, counted by) {
  return by == counted::bytes ? larder::format_size(capacity) : grouped(capacity);
}
std::string share_text(std::uint64_t capacity, std::uint64_t footprint) {
  return shortest(100 * static_cast<double>(capacity) / static_cast<double>(std::max<std::uint64_t>(footprint, 1)), 3) + "%";
}

std::string block(const trace_result& result, measure what, std::size_t begin, std::size_t end, std::size_t names) {
  std::string text = left("  cache size", names);
  for (std::size_t i = begin; i < end; ++i) text += right(capacity_text(result.capacities[i], result.by), column_width - 1) + " ";
  text += "\n" + left("  of all keys", names);
  for (std::size_t i = begin; i < end; ++i)
    text += right(share_text(result.capacities[i], result.footprint()), column_width - 1) + " ";
  text += "\n";
  for (std::size_t c = 0; c < result.curves.size(); ++c) {
    text += left("  " + std::string(result.curves[c].order->name), names);
    for (std::size_t i = begin; i < end; ++i) {
      const std::vector<std::size_t> best = result.best_at(i, what);
      const bool is_best = std::find(best.begin(), best.end(), c) != best.end();
      text += right(decimal(result.curves[c].value(i, what), 4), column_width - 1) + (is_best ? "*" : " ");
    }
    text += "\n";
  }
  std::string trimmed;  // no blanks at the ends of lines
  for (const char c : text) {
    if (c == '\n')
      while (trimmed.ends_with(' ')) trimmed.pop_back();
    trimmed += c;
  }
  return trimmed;
}

}  // namespace

std::string miss_ratio_table(const trace_result& result, std::size_t width) {
  std::size_t names = 14;
  for (const policy_curve& curve : result.curves) names = std::max(names, curve.order->name.size() + 3);
  const std::size_t columns = std::max<std::size_t>(width > names ? (width - names) / column_width : 1, 1);
  std::string text = result.name + ": " + grouped(result.requests) + " requests, " + grouped(result.keys) + " keys";
  if (result.by == counted::bytes) text += ", " + larder::format_size(result.footprint_bytes);
  text += "\n";
  for (const measure what : {measure::miss_ratio, measure::byte_miss_ratio}) {
    if (what == measure::byte_miss_ratio && result.by != counted::bytes) continue;
    if (result.by == counted::bytes)
      text += what == measure::miss_ratio ? "  share of the requests missed\n" : "  share of the bytes missed\n";
    for (std::size_t begin = 0; begin < result.capacities.size(); begin += columns)
      text += block(result, what, begin, std::min(begin + columns, result.capacities.size()), names);
  }
  return text;
}

}  // namespace simulate
