#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace disk {

/// Who has a directory of `mmap_disk` open.
struct directory_users {
  struct process {
    pid_t id = 0;
    std::string program;  ///< its name, where the system tells it
  };
  bool any = false;
  bool is_known = true;            ///< false: the system does not let us tell
  std::vector<process> processes;  ///< those that can be named; others may be in another container

  /// `2 processes: 712 (trainer), 780 (larder)`, `another process`, `nobody`.
  std::string text() const;
};

/// Asks without taking a lock that anybody could have to wait for: the system's list of locks, which has no processes of other containers, and
/// whether somebody follows the log.
directory_users users_of(const std::string& root);

}  // namespace disk
