#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace disk {

struct compaction_options {
  std::string directory;
  double garbage_share = 0.05;            ///< that may stay
  std::optional<std::uint64_t> capacity;  ///< evicts as well, until the values fit
  bool dry_run = false;
  bool json = false;
  bool quiet = false;
};

/// Rewrites what lives so that garbage goes; says what it did. The exit code: 0 done, 1 it could not go on. Throws `larder::error`.
int compact(const compaction_options& options);

}  // namespace disk
