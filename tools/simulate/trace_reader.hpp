#pragma once

#include "simulate/csv_trace.hpp"
#include "simulate/request_trace.hpp"
#include "simulate/trace_format.hpp"

#include <cstdint>
#include <limits>
#include <string>

namespace simulate {

struct trace_reading {
  trace_format format = trace_format::automatic;
  csv_columns csv{};
  std::uint64_t limit_requests = std::numeric_limits<std::uint64_t>::max();
};

/// The trace in a file, or from standard input for `-`; gzip and zstd are unpacked on the way. Throws `larder::error` that names
/// the file, the line or record, and what to do; also when there is no request in it.
request_trace read_trace(const std::string& path, const trace_reading& how = {});

/// What a trace is called: the file's name without what says its format; `standard input` for `-`.
std::string name_of_trace(const std::string& path);

}  // namespace simulate
