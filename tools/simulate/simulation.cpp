#include "simulate/simulation.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

namespace simulate {

void run(std::span<simulation> all, unsigned threads, const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  // The longest first, so that no thread is left with one at the end.
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return all[a].trace->size() > all[b].trace->size(); });
  std::uint64_t total = 0;
  for (const simulation& one : all) total += one.trace->size();

  std::mutex mutex;
  std::uint64_t done = 0;
  std::exception_ptr failure;
  const auto count = [&](std::size_t requests) {
    const std::scoped_lock lock(mutex);
    done += requests;
    if (progress) progress(done, total);
  };
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < order.size(); i = next++) {
        simulation& one = all[order[i]];
        one.counts = one.order->run(*one.trace, one.capacity, one.by, count);
      }
    } catch (...) {
      next = order.size();
      const std::scoped_lock lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    const std::size_t wanted = threads != 0 ? threads : std::max(std::thread::hardware_concurrency(), 1U);
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(wanted, all.size()); ++i) helpers.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace simulate
