#pragma once

#include <larder/config/settings.hpp>

#include <optional>
#include <string>

namespace settings_files {

inline std::optional<std::string> no_environment(const std::string&) { return std::nullopt; }

/// What lies over a file: nothing when it is looked at alone, else the variables of this process.
inline larder::settings_environment environment_for(bool alone) {
  return alone ? &no_environment : &larder::environment_of_process;
}

/// The settings of a file, what the environment says laid over them; throws `larder::error` for those that cannot work.
inline larder::settings read(const std::string& file, bool alone) {
  return larder::settings::load(file, {}, environment_for(alone));
}

}  // namespace settings_files
