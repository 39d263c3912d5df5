#pragma once

/// What `larder` ends with; an interrupted one with disk::interruption::exit_code.
namespace tools::exit_code {

inline constexpr int done = 0;
inline constexpr int failed = 1;
inline constexpr int wrong_use = 2;

}  // namespace tools::exit_code
