#pragma once

#include "simulate/request_trace.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>

namespace simulate {

/// What became of the requests of a trace. A miss is put, unless it is larger than the cache.
struct request_counts {
  std::uint64_t requests = 0;
  std::uint64_t misses = 0;
  std::uint64_t bytes = 0;  ///< asked for; equal to the requests when the trace has no sizes
  std::uint64_t missed_bytes = 0;

  double miss_ratio() const noexcept { return requests == 0 ? 0 : static_cast<double>(misses) / static_cast<double>(requests); }
  double byte_miss_ratio() const noexcept {
    return bytes == 0 ? 0 : static_cast<double>(missed_bytes) / static_cast<double>(bytes);
  }
};

/// What the capacity of a cache counts.
enum class counted { entries, bytes };

/// Is called now and then with the number of requests done since the last call.
using requests_done = std::function<void(std::size_t)>;
inline constexpr std::size_t requests_per_call = std::size_t{1} << 16;

/// A cache of this capacity under this trace.
using policy_run = request_counts (*)(const request_trace& trace, std::uint64_t capacity, counted by, const requests_done& done);

/// Asks a larder::cache of this order for each request, and puts what it misses. Defined in run_cache.hpp and instantiated in
/// runs_*.cpp, so that only those compile caches.
template <class Order>
request_counts run_cache(const request_trace& trace, std::uint64_t capacity, counted by, const requests_done& done);

/// Drives `access(key, size) -> bool` (a hit) through the trace and counts.
template <class Access>
request_counts count_requests(const request_trace& trace, const requests_done& done, Access&& access) {
  request_counts counts;
  std::size_t until_call = requests_per_call;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const std::uint64_t size = trace.size_of(i);
    counts.bytes += size;
    if (!access(trace.keys[i], size)) {
      ++counts.misses;
      counts.missed_bytes += size;
    }
    if (--until_call == 0) {
      done(requests_per_call);
      until_call = requests_per_call;
    }
  }
  counts.requests = trace.size();
  done(requests_per_call - until_call);
  return counts;
}

}  // namespace simulate
