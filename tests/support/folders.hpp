#pragma once

#include <filesystem>

namespace support {

// What the build knows of places stands beside main(), so that its own path is in one object and ccache has the others for every
// clone.

/// Where the real inputs are: the environment's LARDER_SHARED_DIR, else where the build was told.
std::filesystem::path shared_folder();

/// Where the scripts are that tests start: this folder among the sources.
std::filesystem::path script_folder();

}  // namespace support
