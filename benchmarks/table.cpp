#include "table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>

namespace bench {
namespace {

std::string number(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string ratio_cell(const figure& ratio) {
  char text[96];
  if (ratio.runs.size() < 2) {
    std::snprintf(text, sizeof text, " %.2fx", ratio.value);
  } else {
    const auto [low, high] = std::minmax_element(ratio.runs.begin(), ratio.runs.end());
    std::snprintf(text, sizeof text, " %.2fx (%.2f-%.2f)", ratio.value, *low, *high);
  }
  return text;
}

/// A table without its widths, which come from what is in it.
struct cell {
  std::string figure;  ///< ends where the others of its column end
  std::string ratio;   ///< begins where they begin
};

}  // namespace

std::string ratio_metric(std::string_view metric, std::string_view floor) {
  return std::string(metric) + " ratio to " + std::string(floor);
}

std::string table_of(const figure_list& all, std::string_view scenario, const std::vector<column>& columns) {
  std::vector<std::string> subjects;
  for (const figure& f : all.figures())
    if (f.scenario == scenario && std::find(subjects.begin(), subjects.end(), f.subject) == subjects.end())
      subjects.push_back(f.subject);

  std::size_t name_width = 0;
  for (const std::string& subject : subjects) name_width = std::max(name_width, subject.size());
  std::vector<std::string> lines(1 + subjects.size());
  for (std::size_t i = 0; i <= subjects.size(); ++i) {
    lines[i] = i == 0 ? "" : subjects[i - 1];
    lines[i].resize(name_width, ' ');
  }

  for (const column& c : columns) {
    std::string heading;
    std::vector<cell> cells;
    std::size_t figure_width = 0;
    std::size_t ratio_width = 0;
    for (const std::string& subject : subjects) {
      cell& here = cells.emplace_back();
      const figure* const value = all.find(scenario, subject, c.metric);
      if (value != nullptr) {
        here.figure = number(value->value, c.digits);
        heading = value->unit == "1" ? c.metric : c.metric + ", " + value->unit;
      }
      if (const figure* const ratio = all.find(scenario, subject, ratio_metric(c.metric, c.floor)))
        here.ratio = ratio_cell(*ratio);
      figure_width = std::max(figure_width, here.figure.size());
      ratio_width = std::max(ratio_width, here.ratio.size());
    }
    if (heading.empty()) continue;  // nobody has it
    figure_width = std::max(figure_width, heading.size() - std::min(heading.size(), ratio_width));
    const auto append = [&](std::string& line, const std::string& left, const std::string& right) {
      line += "   " + std::string(figure_width - left.size(), ' ') + left + right + std::string(ratio_width - right.size(), ' ');
    };
    lines[0] += "   " + std::string(figure_width + ratio_width - heading.size(), ' ') + heading;
    for (std::size_t i = 0; i < subjects.size(); ++i) append(lines[i + 1], cells[i].figure, cells[i].ratio);
  }

  std::string text;
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace bench
