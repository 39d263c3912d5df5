#pragma once

#include <larder/dataset/dataset_stats.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace larder::datasets {

/// What one batch cost, counted by its thread alone and added to the cache's counts at its end.
struct batch_counts {
  std::uint64_t hits = 0;
  std::uint64_t joined = 0;
  std::uint64_t made = 0;
  std::uint64_t computed = 0;  ///< calls of the user's function
  std::uint64_t not_kept = 0;
  std::uint64_t failed_puts = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t shards_opened = 0;
  std::uint64_t bytes_read = 0;
  std::chrono::nanoseconds preprocess_time{0};
  std::chrono::nanoseconds read_time{0};

  std::uint64_t samples() const noexcept { return hits + joined + made; }
};

/// The sums over all streams and views of a cache.
class sample_counts {
 public:
  void add(const batch_counts& n) noexcept {
    plus(hits_, n.hits);
    plus(joined_, n.joined);
    plus(made_, n.made);
    plus(not_kept_, n.not_kept);
    plus(failed_puts_, n.failed_puts);
    plus(bytes_out_, n.bytes_out);
    plus(shards_opened_, n.shards_opened);
    plus(bytes_read_, n.bytes_read);
    plus(preprocess_ns_, static_cast<std::uint64_t>(n.preprocess_time.count()));
    plus(read_ns_, static_cast<std::uint64_t>(n.read_time.count()));
  }
  void add_batch(std::chrono::nanoseconds stalled) noexcept {
    plus(batches_, 1);
    plus(stall_ns_, static_cast<std::uint64_t>(stalled.count()));
  }
  void read_into(dataset_stats& s) const noexcept {
    s.hits = get(hits_);
    s.joined = get(joined_);
    s.made = get(made_);
    s.samples = s.hits + s.joined + s.made;
    s.not_kept = get(not_kept_);
    s.failed_puts = get(failed_puts_);
    s.bytes_out = get(bytes_out_);
    s.batches = get(batches_);
    s.shards_opened = get(shards_opened_);
    s.bytes_read = get(bytes_read_);
    s.preprocess_time = std::chrono::nanoseconds(get(preprocess_ns_));
    s.read_time = std::chrono::nanoseconds(get(read_ns_));
    s.stall_time = std::chrono::nanoseconds(get(stall_ns_));
  }
  void reset() noexcept {
    for (std::atomic<std::uint64_t>* const one : {&hits_, &joined_, &made_, &not_kept_, &failed_puts_, &bytes_out_, &batches_,
                                                  &shards_opened_, &bytes_read_, &preprocess_ns_, &read_ns_, &stall_ns_})
      one->store(0, std::memory_order_relaxed);
  }

 private:
  using number = std::atomic<std::uint64_t>;
  static void plus(number& sum, std::uint64_t n) noexcept {
    if (n != 0) sum.fetch_add(n, std::memory_order_relaxed);
  }
  static std::uint64_t get(const number& sum) noexcept { return sum.load(std::memory_order_relaxed); }

  number hits_{0}, joined_{0}, made_{0}, not_kept_{0}, failed_puts_{0}, bytes_out_{0}, batches_{0}, shards_opened_{0},
      bytes_read_{0}, preprocess_ns_{0}, read_ns_{0}, stall_ns_{0};
};

}  // namespace larder::datasets
