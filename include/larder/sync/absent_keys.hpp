#pragma once

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace larder {

/// For how long a remote store is not asked again for a key that it said was absent. Off by default: a put by this cache is seen at once, but one by
/// another process or machine only after the period.
struct absent_keys_options {
  std::chrono::milliseconds period{0};  ///< 0: every look-up asks
  std::size_t most = 16'384;            ///< keys that are remembered (16 bytes each); a newer one takes the place of an older
};

namespace sync {

/// The keys (by 64 bits of their digest) that a store said are absent, each for a period. Never wrong about what this process put: an answer from before a write
/// of the key is not remembered. Safe from many threads; no memory while the period is 0.
class absent_keys {
 public:
  explicit absent_keys(const absent_keys_options& options)
      : period_(options.period), size_(std::bit_ceil(std::max<std::size_t>(options.most, 1))) {
    if (options.period.count() < 0)
      core::fail(error_cause::invalid_argument, "absent_keys: the period must not be negative; 0 is none");
    if (period_.count() > 0) places_ = std::make_unique<place[]>(size_);
  }

  bool on() const noexcept { return places_ != nullptr; }

  /// What must be taken before the store is asked, for `note` to know whether the key was written meanwhile.
  std::uint32_t ticket(std::uint64_t key) const {
    if (!on()) return 0;
    const std::lock_guard lock(mutex_);
    return writes_[group_of(key)];
  }
  /// The store said that the key is absent.
  void note(std::uint64_t key, std::uint32_t ticket, instant now) {
    if (!on()) return;
    const std::lock_guard lock(mutex_);
    if (writes_[group_of(key)] == ticket) places_[key & (size_ - 1)] = {key, core::deadline_after(now, period_)};
  }
  /// Whether the store said so less than a period ago.
  bool knows(std::uint64_t key, instant now) const {
    if (!on()) return false;
    const std::lock_guard lock(mutex_);
    const place& at = places_[key & (size_ - 1)];
    return at.key == key && now < at.until;
  }
  /// The key was or may have been written.
  void drop(std::uint64_t key) {
    if (!on()) return;
    const std::lock_guard lock(mutex_);
    ++writes_[group_of(key)];
    place& at = places_[key & (size_ - 1)];
    if (at.key == key) at = {};
  }

 private:
  static constexpr std::size_t groups = 256;
  struct place {
    std::uint64_t key = 0;
    instant until{0};  // the earliest moment: nothing
  };
  static std::size_t group_of(std::uint64_t key) noexcept { return static_cast<std::size_t>(key >> 56U) % groups; }

  duration period_;
  std::size_t size_;
  mutable std::mutex mutex_;
  std::array<std::uint32_t, groups> writes_{};
  std::unique_ptr<place[]> places_;
};

}  // namespace sync
}  // namespace larder
