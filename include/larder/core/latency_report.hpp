#pragma once

#include <larder/core/time.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace larder {

/// How long one kind of operation took, by durations: of each operation it is known to at most a sixteenth too much.
struct latency_summary {
  struct bucket {
    duration upto{0};         ///< the longest that is counted here
    std::uint64_t count = 0;  ///< of those longer than the bucket before counts
  };

  std::vector<bucket> buckets;  ///< ascending, without empty ones
  duration total{0};            ///< of all of them, exact for those that were timed

  std::uint64_t count() const noexcept {
    std::uint64_t sum = 0;
    for (const bucket& b : buckets) sum += b.count;
    return sum;
  }
  duration mean() const noexcept {
    const std::uint64_t n = count();
    return n == 0 ? duration{0}
                  : duration{static_cast<duration::rep>(static_cast<double>(total.count()) / static_cast<double>(n))};
  }
  /// What this share of them did not exceed: never too little, at most a sixteenth too much; zero before the first. `share` in [0, 1].
  duration quantile(double share) const noexcept {
    const std::uint64_t n = count();
    if (n == 0) return duration{0};
    const double exact = std::clamp(share, 0.0, 1.0) * static_cast<double>(n);
    auto rank = static_cast<std::uint64_t>(exact);
    if (static_cast<double>(rank) < exact) ++rank;  // rounded up; <cmath> would cost every file that includes larder 10 MB of the compiler's memory
    rank = std::clamp<std::uint64_t>(rank, 1, n);
    std::uint64_t seen = 0;
    for (const bucket& b : buckets)
      if ((seen += b.count) >= rank) return b.upto;
    return buckets.back().upto;
  }
  duration longest() const noexcept { return buckets.empty() ? duration{0} : buckets.back().upto; }
};

/// How long a cache's operations took since it was made or reset. Each one that was timed stands for all that it was chosen from.
struct latency_report {
  latency_summary get;      ///< look-ups that count, those of `get_or_load` included, without the load
  latency_summary put;      ///< puts; those of a `put_many` each for its share of the time
  latency_summary load;     ///< calls of loaders, failed ones included; all are timed
  std::uint32_t every = 1;  ///< one of so many gets and puts was timed
};

}  // namespace larder
