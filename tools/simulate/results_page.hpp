#pragma once

#include "simulate/trace_result.hpp"

#include <span>
#include <string>

namespace simulate {

/// One self-contained HTML page: the picture of the curves, and the tables under it.
std::string results_page(std::span<const trace_result> results);

}  // namespace simulate
