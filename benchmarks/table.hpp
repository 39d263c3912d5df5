#pragma once

#include "figures.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// How the metric of a ratio is called.
std::string ratio_metric(std::string_view metric, std::string_view floor);

/// A column of a table: a metric, and the floor that its ratio beside it is to (nobody named: no ratio).
struct column {
  std::string metric;
  std::string floor;
  int digits = 2;  ///< behind the point
};

/// The medians of a case, a line for each subject, ratios with their spread. A subject without a figure has an empty cell there.
std::string table_of(const figure_list& all, std::string_view scenario, const std::vector<column>& columns);

}  // namespace bench
