#pragma once

#include "figures.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What a figure of larder should come to.
struct target {
  std::string scenario;
  std::string subject;
  std::string metric;
  bool at_least;  ///< else at most
  double bound;
};

/// A line for each target that has a figure: the median, the bound, and whether it is met; "within the spread" when only the
/// best of the runs meets it.
std::string report_of(const std::vector<target>& targets, const figure_list& all);

}  // namespace bench
