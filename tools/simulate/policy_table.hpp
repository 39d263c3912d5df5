#pragma once

#include "simulate/curve_style.hpp"
#include "simulate/policy_run.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace simulate {

/// A policy that can be simulated.
struct policy {
  std::string_view name;
  policy_run run;
  curve_style style;          ///< how its curve looks in every picture
  bool is_reference = false;  ///< knows the future: shown beside the policies, never the best of them
};

/// All of them, in the order in which they are shown.
std::span<const policy> all_policies();

/// The policies named in a comma-separated list, `all` for all of them, in the order of the table. Throws
/// `larder::error` that names the nearest for one that is not known.
std::vector<const policy*> policies_named(std::string_view list);

}  // namespace simulate
