#pragma once

#include <time.h>

namespace bench {

inline double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// What a piece of work took, in seconds.
struct lap {
  double wall;
  double cpu;  ///< of all threads of the process
};

template <class Work>
lap time(Work&& work) {
  const double wall = seconds_of(CLOCK_MONOTONIC);
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  work();
  const double cpu_end = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  return {seconds_of(CLOCK_MONOTONIC) - wall, cpu_end - cpu};
}

}  // namespace bench
