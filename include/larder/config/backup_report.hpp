#pragma once

#include <cstdint>

namespace larder {

/// What a backup or a restore did.
struct backup_report {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;      ///< of values
  std::uint64_t unsettled = 0;  ///< keys that changed in each round of a backup: each is whole, and of some moment of it
};

}  // namespace larder
