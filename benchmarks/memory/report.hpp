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

double median(std::vector<double> values);

/// All figures of a run: tables as the cases end, JSON at the end.
class report {
 public:
  /// Figures of other programs, by the lines that `--beside` describes. Throws std::runtime_error.
  void read_beside(const std::string& path);

  void add(figure f) { figures_.push_back(std::move(f)); }
  /// The case is over: joins what other programs measured of it and prints its table.
  void close(std::string_view scenario, std::string_view about, std::string_view baseline);
  /// Throws std::runtime_error.
  void write_json(const std::string& path) const;
  const std::vector<figure>& figures() const { return figures_; }

 private:
  const figure* find(std::string_view scenario, std::string_view subject, std::string_view metric) const;
  void join_beside(std::string_view scenario, std::string_view baseline);

  std::vector<figure> figures_;
  std::vector<figure> beside_;
};

}  // namespace bench
