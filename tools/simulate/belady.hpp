#pragma once

#include "simulate/policy_run.hpp"

#include <cstdint>

namespace simulate {

/// The reference line: evicts the entry whose next use lies furthest ahead (Belady, "A study of replacement algorithms for a
/// virtual-storage computer", 1966), which it knows from the trace. By entries no cache that stores what it misses has fewer
/// misses; by bytes it ignores sizes, and some may.
request_counts run_belady(const request_trace& trace, std::uint64_t capacity, counted by, const requests_done& done);

}  // namespace simulate
