#pragma once

#include <larder/config/settings.hpp>

#include <string>

namespace settings_files {

/// Every key of every cache and of the manager as an object: its value (null where nothing was said), what holds then, and where it was
/// said.
std::string settings_json(const std::string& file, const larder::settings& all);

}  // namespace settings_files
