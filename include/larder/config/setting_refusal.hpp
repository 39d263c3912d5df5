#pragma once

#include <larder/config/setting.hpp>
#include <larder/core/error.hpp>

#include <string>
#include <string_view>

namespace larder::config {

/// Throws the `larder::error` of a setting that cannot be so: where it was said, its key, whose it is (`owner`, as it can be printed), and `why`.
template <class T>
[[noreturn]] void refuse_setting(const setting<T>& said, std::string_view key, std::string_view owner, std::string_view why) {
  core::fail(error_cause::invalid_argument,
             said.origin().text() + ": " + std::string(key) + " of " + std::string(owner) + " " + std::string(why));
}

}  // namespace larder::config
