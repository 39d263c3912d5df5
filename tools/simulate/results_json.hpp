#pragma once

#include "simulate/trace_result.hpp"

#include <span>
#include <string>

namespace simulate {

/// All figures as JSON: a list with an object per trace, policy and capacity.
std::string results_json(std::span<const trace_result> results);

}  // namespace simulate
