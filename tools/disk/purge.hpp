#pragma once

#include <larder/core/time.hpp>

#include <optional>
#include <string>

namespace disk {

struct purge_options {
  std::string directory;
  bool expired = false;
  std::optional<std::string> prefix;  ///< of the keys' bytes
  std::optional<std::string> key;
  std::optional<larder::duration> older_than;
  bool all = false;
  bool quarantine = false;
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};

/// Drops entries as a cache does, so that processes at work agree; says how many. The exit code: 0 done, 1 something could not be dropped or was
/// not wanted after all. Throws `larder::error`.
int purge(const purge_options& options);

}  // namespace disk
