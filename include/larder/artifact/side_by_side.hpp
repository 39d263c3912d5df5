#pragma once

#include <larder/sync/worker_pool.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <future>
#include <vector>

namespace larder::artifacts {

/// f(0) to f(count - 1), up to `at_once` of them at the same time, the caller's thread among those who work. Ends when all have; what the first of
/// them threw is thrown then, and those that had not begun are left out. Posts to the pool, and never waits for a job that has not begun.
template <class F>
void side_by_side(sync::worker_pool<>& pool, std::size_t count, std::size_t at_once, F&& f) {
  if (count == 0) return;
  struct shared_state {
    std::atomic<std::size_t> next{0};
    std::atomic<bool> failed{false};
  } state;
  const auto work = [&state, &f, count] {
    while (!state.failed.load(std::memory_order_relaxed)) {
      const std::size_t i = state.next.fetch_add(1, std::memory_order_relaxed);
      if (i >= count) break;
      try {
        f(i);
      } catch (...) {
        state.failed.store(true, std::memory_order_relaxed);
        throw;
      }
    }
    return true;
  };
  std::vector<std::future<bool>> others;
  const std::size_t helpers = std::min(std::max<std::size_t>(at_once, 1), count) - 1;
  for (std::size_t i = 0; i < helpers; ++i) others.push_back(pool.post_promising(work));
  std::exception_ptr failure;
  try {
    work();
  } catch (...) {
    failure = std::current_exception();
  }
  for (std::future<bool>& other : others) try {
      other.get();
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace larder::artifacts
