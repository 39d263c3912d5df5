#pragma once

#include <larder/serve/weight_server_stats.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace larder::serve {

/// What happened in each of the last seconds, for the status page. Every member may be called from any thread.
class status_history {
 public:
  static constexpr std::size_t seconds = 300;
  struct second {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t requests = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t connections = 0;  ///< at its end, as the next
    std::uint64_t memory = 0;
  };

  /// A second has passed: what differs from the last call is its own.
  void add(const weight_server_stats& now) {
    const std::lock_guard lock(mutex_);
    ring_[count_ % seconds] = {now.hits - hits_,        now.misses - misses_, now.requests - requests_,
                               now.bytes_sent - bytes_, now.connections,      now.memory};
    hits_ = now.hits;
    misses_ = now.misses;
    requests_ = now.requests;
    bytes_ = now.bytes_sent;
    ++count_;
  }
  /// Oldest first.
  std::vector<second> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<second> result;
    const std::size_t n = count_ < seconds ? count_ : seconds;
    result.reserve(n);
    for (std::size_t i = count_ - n; i < count_; ++i) result.push_back(ring_[i % seconds]);
    return result;
  }

 private:
  mutable std::mutex mutex_;
  std::array<second, seconds> ring_{};
  std::size_t count_ = 0;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace larder::serve
