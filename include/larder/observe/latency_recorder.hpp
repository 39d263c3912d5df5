#pragma once

#include <larder/core/latency_report.hpp>
#include <larder/observe/latency_buckets.hpp>
#include <larder/observe/sampled_turns.hpp>
#include <larder/sync/counter.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace larder::observe {

/// What of a cache is timed.
enum class timed : std::uint8_t { get, put, load };

/// The live part of `latency_histogram`: counts durations without a lock. Safe from many threads when `Shared`.
template <bool Shared>
class latency_recorder {
 public:
  using clock = std::chrono::steady_clock;

  explicit latency_recorder(std::uint32_t every) : turns_(every) {}

  /// Whether a get or put is to be timed.
  [[gnu::always_inline]] bool takes_turn() noexcept { return turns_.take(); }
  /// A get or put that had its turn has ended.
  [[gnu::noinline]] void end(timed what, clock::time_point began) noexcept {
    add(what, std::chrono::duration_cast<duration>(clock::now() - began), turns_.every());
  }
  /// So many operations took so long each.
  void add(timed what, duration each, std::uint64_t times = 1) noexcept {
    row& mine = rows_[static_cast<std::size_t>(what)];
    mine.counts[latency_buckets::of(each)].add(times);
    mine.total.add(static_cast<std::uint64_t>(each.count() > 0 ? each.count() : 0) * times);
  }

  void add_load(duration spent) noexcept { add(timed::load, spent); }

  latency_report report() const { return {summary(timed::get), summary(timed::put), summary(timed::load), turns_.every()}; }
  void reset() noexcept {
    for (row& each : rows_) {
      for (auto& count : each.counts) count.store(0);
      each.total.store(0);
    }
  }

 private:
  struct row {
    std::array<sync::counter<Shared>, latency_buckets::count> counts;
    sync::counter<Shared> total;
  };

  latency_summary summary(timed what) const {
    const row& mine = rows_[static_cast<std::size_t>(what)];
    latency_summary made;
    made.total = duration{static_cast<duration::rep>(mine.total.load())};
    for (std::size_t i = 0; i < latency_buckets::count; ++i)
      if (const std::uint64_t n = mine.counts[i].load(); n != 0) made.buckets.push_back({latency_buckets::upto(i), n});
    return made;
  }

  sampled_turns<Shared> turns_;
  std::array<row, 3> rows_;
};

}  // namespace larder::observe
