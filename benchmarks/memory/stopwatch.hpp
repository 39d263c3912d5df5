#pragma once

#include <cstddef>
#include <functional>

namespace bench {

/// What one chunk cost, in seconds, and how many of its requests hit.
struct sample {
  double seconds = 0;      ///< the figure of merit: processor time of one thread, wall time of two
  double cpu_seconds = 0;  ///< processor time of a thread, the mean of two: less disturbed by what else the machine does
  std::size_t hits = 0;
};

/// `work` on this thread.
sample time_alone(const std::function<std::size_t()>& work);

/// `first` and `second` on two threads that start at the same moment, until the later one is done.
sample time_pair(const std::function<std::size_t()>& first, const std::function<std::size_t()>& second);

}  // namespace bench
