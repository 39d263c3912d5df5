#pragma once

#include "simulate/trace_result.hpp"

#include <string>

namespace simulate {

/// The miss ratios of a trace as text: a row per policy, a column per cache size, `*` behind the best of each column. Under a limit
/// of bytes, a second block has the byte miss ratios. No line is longer than `width`: more columns go below.
std::string miss_ratio_table(const trace_result& result, std::size_t width = 120);

}  // namespace simulate
