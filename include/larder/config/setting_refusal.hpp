#pragma once

#include <larder/config/setting.hpp>
#include <larder/config/settings_error.hpp>

#include <string>
#include <string_view>

namespace larder::config {

/// Throws the `larder::error` of a setting that cannot be so: where it was said, its key, whose it is (`owner`, as it can be printed), and `why`.
template <class T>
[[noreturn]] void refuse_setting(const setting<T>& said, std::string_view key, std::string_view owner, std::string_view why) {
  refuse_at(said.origin(), std::string(key) + " of " + std::string(owner) + " " + std::string(why));
}

}  // namespace larder::config
