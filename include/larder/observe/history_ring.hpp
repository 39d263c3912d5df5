#pragma once

#include <larder/core/decimal_text.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/observe/key_event.hpp>
#include <larder/observe/removal_listener.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace larder::observe {

/// The last changes of followed keys: those of a share of all hashes, and those that were chosen. Every member is safe from many threads;
/// `follows` takes no lock.
class history_ring {
 public:
  static constexpr std::size_t most_chosen = 256;
  static constexpr std::size_t longest_text = 64;

  /// Throws `larder::error` for what cannot be meant.
  history_ring(double share, std::size_t events) : size_(events) {
    if (!(share >= 0.0 && share <= 1.0))
      core::fail(error_cause::invalid_argument,
                 "key_history: share is " + core::decimal_text(share) + "; give the share of keys to follow, 0 to 1");
    if (events == 0 || events > (std::size_t{1} << 24U))
      core::fail(error_cause::invalid_argument, "key_history: events is " + std::to_string(events) + "; give 1 to 16777216");
    bound_ = share >= 1.0 ? ~std::uint64_t{0} : static_cast<std::uint64_t>(share * 18446744073709551616.0);
    all_ = share >= 1.0;
  }

  bool follows(std::uint64_t hash) const noexcept {
    // Shards and blocks go by other bits of the hash than these.
    if (hash * 0xd6e8feb86659fd93U < bound_ || all_) return true;
    return chosen_count_.load(std::memory_order_acquire) != 0 && is_chosen(hash);
  }
  /// From now on; false when as many as can be are chosen.
  bool follow(std::uint64_t hash) noexcept {
    const std::lock_guard lock(mutex_);
    if (is_chosen(hash)) return true;
    const std::size_t n = chosen_count_.load(std::memory_order_relaxed);
    if (n == most_chosen) return false;
    std::size_t at = place(hash);
    while (chosen_[at].load(std::memory_order_relaxed) != 0) at = (at + 1) % chosen_.size();
    chosen_[at].store(hash | 1U, std::memory_order_relaxed);
    chosen_count_.store(n + 1, std::memory_order_release);
    return true;
  }

  /// What became of a followed key; `maker` is the hash of the key whose put did it, where one did. Without memory for it nothing is kept.
  void inserted(std::uint64_t hash, std::uint64_t weight) noexcept { add(hash, key_change::inserted, weight, nullptr); }
  void refused(std::uint64_t hash) noexcept { add(hash, key_change::refused, 0, nullptr); }
  void left(std::uint64_t hash, removal_cause cause, std::uint64_t weight, const std::uint64_t* maker) noexcept {
    add(hash, change_of(cause), weight, cause == removal_cause::evicted ? maker : nullptr);
  }

  /// Whether a key by which another one left is still without a text.
  bool wants_names() const noexcept { return unnamed_.load(std::memory_order_acquire) != 0; }
  /// The key of this hash, for the events that it made.
  void name(std::uint64_t hash, std::string_view text) noexcept {
    const std::lock_guard lock(mutex_);
    std::size_t unnamed = unnamed_.load(std::memory_order_relaxed);
    for (std::size_t back = 1; back <= ring_.size() && unnamed != 0; ++back) {
      row& each = ring_[(at_ + ring_.size() - back) % ring_.size()];
      if (!each.is_unnamed || each.what.maker != hash) continue;
      each.is_unnamed = false;
      --unnamed;
      try {
        each.what.maker_text = text.substr(0, longest_text);
      } catch (...) {  // no memory: its hash is there
      }
    }
    unnamed_.store(unnamed, std::memory_order_release);
  }

  /// The events of a key that are still there, the newest last.
  std::vector<key_event> of(std::uint64_t hash) const {
    const std::lock_guard lock(mutex_);
    std::vector<key_event> found;
    const std::size_t n = ring_.size();
    const std::size_t oldest = n < size_ || at_ == n ? 0 : at_;
    for (std::size_t i = 0; i < n; ++i)
      if (const row& each = ring_[(oldest + i) % n]; each.hash == hash) found.push_back(each.what);
    return found;
  }

 private:
  struct row {
    std::uint64_t hash = 0;
    bool is_unnamed = false;  // somebody's put made it, who has not said its key yet
    key_event what;
  };
  static key_change change_of(removal_cause cause) noexcept {
    switch (cause) {
      case removal_cause::evicted:
        return key_change::evicted;
      case removal_cause::expired:
        return key_change::expired;
      case removal_cause::replaced:
        return key_change::replaced;
      case removal_cause::erased:
        break;
    }
    return key_change::erased;
  }
  void add(std::uint64_t hash, key_change change, std::uint64_t weight, const std::uint64_t* maker) noexcept {
    const instant now = wall_time::now();
    const std::lock_guard lock(mutex_);
    try {
      if (ring_.size() < size_)
        ring_.emplace_back();
      else
        at_ = at_ == size_ ? 0 : at_;
      row& here = ring_[at_++];
      if (here.is_unnamed) unnamed_.store(unnamed_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
      here.hash = hash;
      here.is_unnamed = maker != nullptr;
      here.what = {change, now, weight, maker != nullptr, maker != nullptr ? *maker : 0, {}};
    } catch (...) {
      return;
    }
    if (maker != nullptr) unnamed_.store(unnamed_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  static std::size_t place(std::uint64_t hash) noexcept { return static_cast<std::size_t>(hash >> 40U) % (2 * most_chosen); }
  bool is_chosen(std::uint64_t hash) const noexcept {
    for (std::size_t at = place(hash);; at = (at + 1) % chosen_.size()) {
      const std::uint64_t there = chosen_[at].load(std::memory_order_relaxed);
      if (there == (hash | 1U)) return true;
      if (there == 0) return false;
    }
  }

  std::size_t size_;
  std::uint64_t bound_ = 0;
  bool all_ = false;
  std::array<std::atomic<std::uint64_t>, 2 * most_chosen> chosen_{};  // hashes with their lowest bit set; 0 is nobody
  std::atomic<std::size_t> chosen_count_{0};
  std::atomic<std::size_t> unnamed_{0};
  mutable std::mutex mutex_;
  std::vector<row> ring_;
  std::size_t at_ = 0;  // the next row
};

}  // namespace larder::observe
