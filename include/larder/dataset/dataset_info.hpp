#pragma once

#include <cstdint>
#include <string>

namespace larder {

/// A data set that a cache has under a name.
struct dataset_info {
  std::string name;
  std::string source;   ///< what its source called itself
  std::string version;  ///< of the preprocessing; empty where records are the samples
  std::uint64_t samples = 0;
  std::uint64_t bytes = 0;                               ///< of its samples, as they are cached
  std::uint64_t quota = static_cast<std::uint64_t>(-1);  ///< bytes of samples that it may have in the cache; 2^64-1: no limit

  friend bool operator==(const dataset_info&, const dataset_info&) = default;
};

}  // namespace larder
