#pragma once

// What holds where settings say nothing, as far as it is a value; the table of keys names the same, which a test compares.

#include <larder/core/time.hpp>

#include <chrono>
#include <string_view>

namespace larder::config {

inline constexpr duration usual_cleanup_interval = std::chrono::seconds(300);
inline constexpr duration usual_pressure_interval = std::chrono::seconds(1);
inline constexpr double usual_pressure_threshold = 0.1;
inline constexpr double usual_pressure_floor = 0.25;
inline constexpr std::string_view usual_format = "safetensors";

}  // namespace larder::config
