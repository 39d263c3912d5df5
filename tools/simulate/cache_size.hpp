#pragma once

#include "simulate/policy_run.hpp"
#include "simulate/request_trace.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace simulate {

/// A cache's size as it was asked for: a share of what all keys of a trace need, or a number.
struct cache_size {
  double percent = 0;        ///< 0: `amount` says it
  std::uint64_t amount = 0;  ///< entries or bytes
};

/// The sizes in a comma-separated list such as `0.1%,10%,5000` or, in bytes, `1%,64MiB`. Throws `larder::error` for others.
std::vector<cache_size> parse_cache_sizes(std::string_view list, counted by);

/// What the sizes come to for this trace, at least 1 each: ascending, each once. Throws `larder::error` when bytes are asked of a
/// trace that has no sizes.
std::vector<std::uint64_t> capacities_of(std::span<const cache_size> sizes, const request_trace& trace, counted by);

}  // namespace simulate
