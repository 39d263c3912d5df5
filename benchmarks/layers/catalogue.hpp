#pragma once

#include "../rounds.hpp"
#include "model.hpp"
#include "options.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

// A contest for each case, each list in the file of its name. The first contender is what the others are compared with.
std::vector<contest> streams(const model& m, const options& wanted);  ///< one pass: cold or warm, kept or not; verified
std::vector<contest> limited(const model& m, const options& wanted);  ///< passes in a control group of half the model
std::vector<contest> throttled(const options& wanted);                ///< passes over a source of a fixed bandwidth
std::vector<contest> loads(const options& wanted);                    ///< how many loads passes take
std::vector<contest> warm_gets(const options& wanted);                ///< what a look-up of a resident layer takes

/// The names of all cases, in the order in which they run.
inline const std::vector<std::string> case_names{"cold_stream", "cold_all",       "warm_stream",    "warm_all", "verified_stream",
                                                 "cgroup_half", "throttled_half", "loads_per_pass", "warm_get"};

/// What larder may hold in the streams: two slots and two residents.
inline std::uint64_t stream_budget(const model& m) { return 4 * m.largest_layer(); }

inline constexpr double mebi = 1024.0 * 1024.0;

}  // namespace bench
