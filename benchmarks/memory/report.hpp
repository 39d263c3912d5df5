#pragma once

#include "../figures.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// All figures of a run: tables as the cases end, JSON at the end.
class report : public figure_list {
 public:
  /// Figures of other programs, by the lines that `--beside` describes. Throws std::runtime_error.
  void read_beside(const std::string& path);

  /// The case is over: joins what other programs measured of it and prints its table.
  void close(std::string_view scenario, std::string_view about, std::string_view baseline);

 private:
  void join_beside(std::string_view scenario, std::string_view baseline);

  std::vector<figure> beside_;
};

}  // namespace bench
