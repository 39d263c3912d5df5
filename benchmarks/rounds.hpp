#pragma once

#include "figures.hpp"
#include "round_options.hpp"
#include "table.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// A turn in a process of its own: the numbers of the case's metrics, in their order.
struct contender {
  std::string name;
  std::function<std::vector<double>()> turn;
  std::function<void()> before_turn = [] {};  ///< in the program itself
};

struct metric {
  std::string name;
  std::string unit;
  int digits = 1;
  bool compared = true;  ///< each round's number is divided by that of the first contender
};

/// Contenders that do the same thing; the others are compared with the first one.
struct contest {
  std::string name;
  std::vector<metric> metrics;
  std::vector<contender> contenders;
};

/// Runs so many rounds, each contender once per round, a rotating one first; adds medians and ratios, prints their table. False when a
/// contender failed: it is told, and left out.
bool run(const contest& c, std::size_t rounds, figure_list& all);
/// The same for all of them whose cases are wanted. False when a contender of any failed.
bool run(const std::vector<contest>& contests, const round_options& wanted, figure_list& all);

/// What /proc says of this process under that name, which ends with a colon ("VmRSS:"); 0 when it is not there.
double status_bytes(std::string_view name);

/// Time and memory of a piece of work in this process.
struct cost {
  double wall;        ///< seconds
  double cpu;         ///< seconds, of all threads
  double peak_bytes;  ///< the most that was resident at once
  double before;      ///< bytes that were resident when it began
};
cost cost_of(const std::function<void()>& work);

}  // namespace bench
