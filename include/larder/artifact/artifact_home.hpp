#pragma once

#include <larder/remote/environment.hpp>

#include <filesystem>

namespace larder {

/// The folder that resolutions and packages are kept below: `home` where one is given, else what the environment calls INFERENCE_HOME, else
/// `/tmp/cache`. Absolute, so that a change of the working directory changes nothing; it need not be there yet.
inline std::filesystem::path artifact_home(const std::filesystem::path& home = {},
                                           const remote::environment_reader& environment = remote::process_environment) {
  return std::filesystem::absolute(!home.empty() ? home
                                                 : std::filesystem::path(environment("INFERENCE_HOME").value_or("/tmp/cache")));
}

}  // namespace larder
