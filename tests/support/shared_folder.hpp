#pragma once

#include <filesystem>

namespace support {

/// Where the real inputs are: the environment's LARDER_SHARED_DIR, else where the build was told. It stands beside main(), so that the
/// build's own path is in one object and ccache has the others for every clone.
std::filesystem::path shared_folder();

}  // namespace support
