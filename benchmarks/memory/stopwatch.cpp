#include "stopwatch.hpp"

#include "../lap.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

namespace bench {
namespace {

struct chunk {
  double begin = 0;
  double end = 0;
  double cpu = 0;
  std::size_t hits = 0;
};

chunk measure(const std::function<std::size_t()>& work) {
  chunk result;
  const double cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);
  result.begin = seconds_of(CLOCK_MONOTONIC);
  result.hits = work();
  result.end = seconds_of(CLOCK_MONOTONIC);
  result.cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu;
  return result;
}

}  // namespace

sample time_alone(const std::function<std::size_t()>& work) {
  const chunk one = measure(work);
  return {one.cpu, one.cpu, one.hits};
}

sample time_pair(const std::function<std::size_t()>& first, const std::function<std::size_t()>& second) {
  std::atomic<int> ready{0};
  const auto start_together = [&ready] {  // a spin: the two leave it within a cache miss of each other
    ready.fetch_add(1);
    while (ready.load() != 2) {
    }
  };
  chunk one;
  chunk two;
  std::thread other([&] {
    start_together();
    two = measure(second);
  });
  start_together();
  one = measure(first);
  other.join();
  return {std::max(one.end, two.end) - std::min(one.begin, two.begin), (one.cpu + two.cpu) / 2, one.hits + two.hits};
}

}  // namespace bench
