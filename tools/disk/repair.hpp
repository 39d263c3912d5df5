#pragma once

#include <string>

namespace disk {

struct repair_options {
  std::string directory;
  bool dry_run = false;
  bool json = false;
  bool quiet = false;
};

/// Moves out what is damaged and tidies up; says what it did. The exit code: 0 all is whole now, 1 something is not. Throws `larder::error`.
int repair(const repair_options& options);

}  // namespace disk
