#pragma once

#include <larder/config/backup_report.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>

#include <filesystem>

namespace larder {

class managed_cache;

namespace config {

class cache_part;

/// Makes backups and reads them; what a manager knows of `disk_backup`.
class cache_copier {
 public:
  cache_copier() = default;
  cache_copier(const cache_copier&) = delete;
  cache_copier& operator=(const cache_copier&) = delete;
  virtual ~cache_copier() = default;

  /// Copies what a part has, whose entries lie in `directory` and live no longer than `max_age`, to a new folder. Throws `larder::error` when
  /// it cannot be written, is there already, or is stopped; nothing is left then.
  virtual backup_report make(const std::filesystem::path& folder, cache_part& from, const std::filesystem::path& directory,
                             duration max_age, bool compressed, const std::filesystem::path& temp_dir,
                             const sweep_control& control) = 0;
  /// Puts what a backup has into a cache, over what is there. Throws `larder::error` when it is no backup, or an entry finds no room.
  virtual backup_report restore(const std::filesystem::path& folder, managed_cache& into, const sweep_control& control) = 0;
};

}  // namespace config
}  // namespace larder
