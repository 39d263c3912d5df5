#pragma once

#include <larder/core/time.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/sync/fork_mark.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

namespace larder::layers {

/// Which way a layer is read that the page cache does not hold. Under `automatic` the first loads go one way and the other in
/// turn, until each has been measured; then the faster one stays, where `direct` may take half as long again: it takes a fraction of
/// the processor's time, leaves the page cache to others, and is measured at its slowest, in memory that is new. Thread-safe; works in a child after `fork`.
class path_choice {
 public:
  /// Bytes of each way that tell a disk's rate.
  static constexpr std::uint64_t enough = std::uint64_t{64} << 20U;

  explicit path_choice(read_path::kind kind, std::uint64_t bytes_of_each = enough) noexcept
      : chosen_(kind), enough_(bytes_of_each) {}

  /// `buffered` or `direct`, for the next load.
  read_path::kind next() noexcept {
    const auto lock = enter();
    if (chosen_ != read_path::automatic) return chosen_;
    return direct_.asked <= buffered_.asked ? take(direct_, read_path::direct) : take(buffered_, read_path::buffered);
  }
  /// Whether a load may still go past the page cache.
  bool may_be_direct() const noexcept {
    const auto lock = enter();
    return chosen_ != read_path::buffered;
  }
  /// Only one way is possible.
  void settle(read_path::kind kind) noexcept {
    const auto lock = enter();
    chosen_ = kind;
  }
  /// A load of so many bytes went that way and took so long.
  void measured(read_path::kind way, std::uint64_t bytes, duration took) noexcept {
    const auto lock = enter();
    if (chosen_ != read_path::automatic) return;
    sample& s = way == read_path::direct ? direct_ : buffered_;
    s.bytes += bytes;
    s.seconds += std::chrono::duration<double>(took).count();
    if (direct_.bytes < enough_ || buffered_.bytes < enough_) return;
    const double direct_rate = static_cast<double>(direct_.bytes) / direct_.seconds;
    const double buffered_rate = static_cast<double>(buffered_.bytes) / buffered_.seconds;
    chosen_ = direct_rate * 1.5 >= buffered_rate ? read_path::direct : read_path::buffered;
  }
  /// `automatic` while it is not known.
  read_path::kind chosen() const noexcept {
    const auto lock = enter();
    return chosen_;
  }

 private:
  struct sample {
    std::uint64_t asked = 0;
    std::uint64_t bytes = 0;
    double seconds = 0;
  };
  static read_path::kind take(sample& s, read_path::kind way) noexcept {
    ++s.asked;
    return way;
  }

  std::unique_lock<std::mutex> enter() const noexcept {
    if (mark_.is_in_child()) mark_.renew([&] { std::construct_at(&mutex_); });  // a thread of the parent may have held it
    return std::unique_lock(mutex_);
  }

  mutable sync::fork_mark mark_;
  mutable std::mutex mutex_;
  read_path::kind chosen_;
  std::uint64_t enough_;
  sample direct_;
  sample buffered_;
};

}  // namespace larder::layers
