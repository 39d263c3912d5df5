#pragma once

#include <larder/config/environment_settings.hpp>

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace support {

/// An environment that has these variables and no others.
inline larder::settings_environment variables(std::map<std::string, std::string> all) {
  return [all = std::move(all)](const std::string& name) -> std::optional<std::string> {
    const auto found = all.find(name);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  };
}

}  // namespace support
