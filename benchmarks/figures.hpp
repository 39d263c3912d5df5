#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// A figure: the median of its runs, or a number that is what it is.
struct figure {
  std::string scenario;
  std::string subject;
  std::string metric;
  std::string unit;
  double value = 0;
  std::vector<double> runs;
};

/// The upper of the two in the middle of an even number; 0 of none.
double median(std::vector<double> values);

/// Everything that a program measured, in the order in which it came.
class figure_list {
 public:
  void add(figure f) { figures_.push_back(std::move(f)); }
  /// Nothing when there is none.
  const figure* find(std::string_view scenario, std::string_view subject, std::string_view metric) const;
  const std::vector<figure>& figures() const { return figures_; }
  /// The list as `scripts/bench` promises it. Throws std::runtime_error.
  void write_json(const std::string& path) const;

 private:
  std::vector<figure> figures_;
};

}  // namespace bench
