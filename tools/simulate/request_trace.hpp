#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace simulate {

/// The requests of a trace, in order.
struct request_trace {
  std::string name;
  std::vector<std::uint32_t> keys;   ///< numbered from 0 in order of first use
  std::vector<std::uint64_t> sizes;  ///< in bytes, per request; empty when the trace has none
  std::uint32_t key_count = 0;
  std::uint64_t footprint_bytes = 0;  ///< what all keys need together, each at its largest; the number of keys without sizes

  std::size_t size() const noexcept { return keys.size(); }
  bool has_sizes() const noexcept { return !sizes.empty(); }
  std::uint64_t size_of(std::size_t request) const noexcept { return sizes.empty() ? 1 : sizes[request]; }
};

}  // namespace simulate
