#pragma once

#include "options.hpp"

#include <string>

namespace bench {

/// Writes the requests of this run for programs in other languages: `shape.txt` with lines "name number" (keys, chunk, chunks),
/// `zipf_99.u32` with 1 + chunks chunks of ranks, the first of which only warms up, and `zipf_90.u32` with 2 x keys ranks to warm up
/// and 1 + chunks chunks. Ranks are 32 bits, little-endian; what their keys are is in workload.cpp. Throws std::runtime_error.
void write_draws(const std::string& folder, const options& wanted);

}  // namespace bench
