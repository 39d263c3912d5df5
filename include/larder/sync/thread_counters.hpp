#pragma once

#include <larder/sync/thread_number.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace larder::sync {

/// Counters that every look-up adds to; exact. Each of the first 64 threads adds on a cache line of its own, without an atomic
/// read-modify-write; those beyond share one line. 4 KiB.
template <bool Shared, std::size_t Count>
class thread_counters {
 public:
  thread_counters() : lines_(std::make_unique<line[]>(thread_number::all_taken + 1)) {}

  [[gnu::always_inline]] void add(std::size_t which, std::uint64_t n = 1) noexcept {
    const unsigned mine = thread_number::known();
    if (mine >= thread_number::all_taken) [[unlikely]] return add_slowly(which, n);
    std::atomic<std::uint64_t>& counter = lines_[mine].counters[which];
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void subtract(std::size_t which, std::uint64_t n = 1) noexcept { add(which, std::uint64_t{0} - n); }
  std::uint64_t load(std::size_t which) const noexcept { return sum(which) - before_[which].load(std::memory_order_relaxed); }
  /// Counts from here on. The lines stay their threads' own, so nothing that is added meanwhile is lost.
  void reset() noexcept {
    for (std::size_t which = 0; which < Count; ++which) before_[which].store(sum(which), std::memory_order_relaxed);
  }

 private:
  struct alignas(64) line {
    std::array<std::atomic<std::uint64_t>, Count> counters{};
  };
  [[gnu::noinline]] void add_slowly(std::size_t which, std::uint64_t n) noexcept {
    if (thread_number::mine() != thread_number::all_taken) return add(which, n);
    lines_[thread_number::all_taken].counters[which].fetch_add(n, std::memory_order_relaxed);
  }
  std::uint64_t sum(std::size_t which) const noexcept {
    std::uint64_t all = 0;
    for (unsigned i = 0; i <= thread_number::all_taken; ++i) all += lines_[i].counters[which].load(std::memory_order_relaxed);
    return all;
  }

  std::unique_ptr<line[]> lines_;
  std::array<std::atomic<std::uint64_t>, Count> before_{};
};

/// The same for one thread at a time: plain numbers.
template <std::size_t Count>
class thread_counters<false, Count> {
 public:
  void add(std::size_t which, std::uint64_t n = 1) noexcept { counters_[which] += n; }
  void subtract(std::size_t which, std::uint64_t n = 1) noexcept { counters_[which] -= n; }
  std::uint64_t load(std::size_t which) const noexcept { return counters_[which]; }
  void reset() noexcept { counters_ = {}; }

 private:
  std::array<std::uint64_t, Count> counters_{};
};

}  // namespace larder::sync
