#pragma once

#include <larder/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace larder {

/// What is to leave; without a limit only what nobody can find again does.
struct prune_limits {
  std::optional<duration> max_age{};         ///< since it was made
  std::optional<duration> max_idle{};        ///< since it was last used; not known in a shared store
  std::optional<std::uint64_t> max_bytes{};  ///< of all contents, each counted once; who was not used for longest leaves
  bool dry_run = false;                      ///< say what would leave
  duration grace = std::chrono::hours(24);   ///< in a shared store contents that are younger stay: who publishes may rely on them
};

struct prune_report {
  std::vector<std::string> removed;  ///< ids
  std::uint64_t freed = 0;           ///< bytes of contents that nobody needs any more, and that left
  std::uint64_t later = 0;           ///< bytes of such that are in their time of grace: a later prune frees them
  std::uint64_t kept = 0;            ///< bytes that stay
  std::size_t evaluations = 0;       ///< that left
};

}  // namespace larder
