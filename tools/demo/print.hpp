#pragma once

#include <larder/core/time.hpp>
#include <larder/core/units.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace demo {

inline double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
inline double seconds(larder::duration d) { return std::chrono::duration<double>(d).count(); }

inline std::string text(const char* format, auto... values) {
  std::string line(256, '\0');
  line.resize(static_cast<std::size_t>(std::snprintf(line.data(), line.size(), format, values...)));
  return line;
}
/// "-" where the time is too short to tell.
inline std::string rate(std::uint64_t bytes, double s) {
  return s <= 0.0005 || bytes == 0 ? "-" : larder::format_size(static_cast<std::uint64_t>(static_cast<double>(bytes) / s)) + "/s";
}

}  // namespace demo
