#pragma once

// The cache that the suite breaks, and what all of it may take on disk.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include <sys/stat.h>

namespace faults {

using disk_cache = larder::cache<std::string, larder::bytes, larder::lru, larder::max_bytes, larder::mmap_disk>;

inline constexpr std::uint64_t roomy = std::uint64_t{1} << 30;  // no eviction

inline disk_cache open_cache(const std::filesystem::path& directory, std::uint64_t capacity = roomy,
                             larder::mmap_disk_options options = {}) {
  return disk_cache(larder::lru{}, larder::max_bytes{capacity}, larder::mmap_disk{directory, options});
}

inline std::uint64_t errors_of(const disk_cache& cache, larder::error_cause cause) { return cache.stats().errors[cause]; }

/// What the files of a directory occupy on their device. Files may go while they are counted.
inline std::uint64_t occupied(const std::filesystem::path& directory) {
  std::uint64_t sum = 0;
  std::error_code gone;
  for (std::filesystem::recursive_directory_iterator at(directory, gone), end; at != end; at.increment(gone)) {
    struct stat answer {};
    if (::lstat(at->path().c_str(), &answer) == 0 && S_ISREG(answer.st_mode))
      sum += static_cast<std::uint64_t>(answer.st_blocks) * 512;
  }
  return sum;
}

}  // namespace faults
