#pragma once

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>

namespace larder::remote {

/// Gives the value of an environment_reader variable, or nothing when it is not set or empty. Called while credentials are made and while they
/// fetch, so from several threads; in tests and in programs that keep their settings elsewhere it is any function.
using environment_reader = std::function<std::optional<std::string>(const std::string& name)>;

/// The environment of this process.
inline std::optional<std::string> process_environment(const std::string& name) {
  const char* const value =
      std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): a program that calls setenv beside threads has lost already
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

}  // namespace larder::remote
