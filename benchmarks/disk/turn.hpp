#pragma once

#include "../scratch_folder.hpp"
#include "subject.hpp"

#include <string>
#include <vector>

namespace bench {

/// One number of one turn.
struct measurement {
  std::string metric;
  std::string unit;
  double value;
};
using measurements = std::vector<measurement>;

/// A subject puts everything into an empty folder, is killed after its last put, and opened again. Then, in another empty folder, it
/// puts everything and closes, twice, of which the cheaper one counts; opens and reads and touches everything. Each of these in a
/// process of its own. Times are those of the processor, of all its threads and in the kernel, unless the metric says wall. Throws
/// std::runtime_error when a value is wrong, or is missing after a clean close.
measurements take_turn(const candidate& who, const workload& w, const scratch_folder& scratch);

/// Puts that are flushed one by one.
measurements take_flushed_turn(const candidate& who, const workload& w, const scratch_folder& scratch);

}  // namespace bench
