#pragma once

#include <larder/core/error.hpp>
#include <larder/dataset/shard_file.hpp>

#include <span>
#include <string>

namespace larder::datasets {

/// What people call a data set that these files are: "train-0.tar", "train-0.tar and 3 more".
inline std::string name_of(std::span<const shard_file> files) {
  if (files.empty()) return "no files";
  const std::string& first = files.front().name();
  std::string name = first.substr(first.rfind('/') + 1);
  if (files.size() > 1) name += " and " + std::to_string(files.size() - 1) + " more";
  return name;
}

/// Throws `larder::error` when there are none: mostly a pattern that matched nothing.
inline void check_some(std::span<const shard_file> files, const char* source) {
  if (files.empty())
    core::fail(error_cause::invalid_argument, std::string(source) + ": there are no files; look at what was to find them");
}

}  // namespace larder::datasets
