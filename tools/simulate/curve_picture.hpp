#pragma once

#include "simulate/trace_result.hpp"

#include <span>
#include <string>

namespace simulate {

/// The miss-ratio curves of all traces as one self-contained SVG: a panel per trace (two under a limit of bytes: requests and bytes
/// missed), one legend, the best policy of each size marked.
std::string curve_picture(std::span<const trace_result> results);

}  // namespace simulate
