#pragma once

// Decides whether looking something up costs more than making it anew. A remote cache that is slower than computing makes a program slower than none
// (LMCache measured a first token after 14.9 s with one and after 1.03 s without). Both costs are exponentially weighted means; the store is
// asked now and then although it is slow, so that the verdict can change.

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>

#include <atomic>
#include <cstdint>

namespace larder {

/// When `get_or_load` does without a remote store because loading is quicker.
struct cost_gate_options {
  bool on = true;
  std::chrono::milliseconds tolerated{
      50};                         ///< a store whose look-ups take less is always asked: what it shares is worth that much
  std::uint32_t samples = 8;       ///< look-ups and loads that must have been measured first
  std::uint32_t probe_every = 32;  ///< of so many loads that could do without, one asks all the same
  std::chrono::milliseconds probe_after{5'000};  ///< and one when the store was not asked for so long
};

namespace sync {

/// The mean of durations, of which the latest weighs 1/8 (or more, as long as there are few). Safe from many threads; exact to the last lost update.
class mean_cost {
 public:
  void add(duration cost) noexcept {
    const std::uint32_t before = count_.fetch_add(1, std::memory_order_relaxed);
    const std::int64_t weight = before < 7 ? before + 1 : 8;
    std::int64_t seen = mean_.load(std::memory_order_relaxed);
    while (!mean_.compare_exchange_weak(seen, seen + (cost.count() - seen) / weight, std::memory_order_relaxed)) {
    }
    if (before > 1U << 30U) count_.store(1U << 20U, std::memory_order_relaxed);  // far from wrapping round
  }
  duration value() const noexcept { return duration(mean_.load(std::memory_order_relaxed)); }
  std::uint32_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> mean_{0};
  std::atomic<std::uint32_t> count_{0};
};

/// Compares look-ups in a store with loads. Safe from many threads.
class cost_gate {
 public:
  explicit cost_gate(const cost_gate_options& options) : options_(options) {
    if (options.probe_every == 0) core::fail(error_cause::invalid_argument, "cost_gate: probe_every is 0; 1 asks always");
    if (options.tolerated.count() < 0 || options.probe_after.count() <= 0)
      core::fail(error_cause::invalid_argument,
                 "cost_gate: tolerated must not be negative and probe_after must be longer than zero");
  }

  bool on() const noexcept { return options_.on; }
  void note_look_up(duration cost, instant now) noexcept {
    if (!on()) return;
    look_ups_.add(cost);
    asked_at_.store(now.count(), std::memory_order_relaxed);
  }
  void note_load(duration cost) noexcept {
    if (on()) loads_.add(cost);
  }

  /// Whether the load that begins now does without the store. Counts as one of those that could.
  bool bypasses(instant now) noexcept {
    if (!on() || look_ups_.count() < options_.samples || loads_.count() < options_.samples) return false;
    const duration look_up = look_ups_.value();
    if (look_up <= options_.tolerated || look_up <= loads_.value()) return false;
    if ((turn_.fetch_add(1, std::memory_order_relaxed) + 1) % options_.probe_every == 0) return false;
    std::int64_t asked = asked_at_.load(std::memory_order_relaxed);
    const bool due = now.count() - asked >= duration(options_.probe_after).count();
    return !(due && asked_at_.compare_exchange_strong(asked, now.count(), std::memory_order_relaxed));  // one probe at a time
  }

 private:
  const cost_gate_options options_;
  mean_cost look_ups_, loads_;
  std::atomic<std::int64_t> asked_at_{0};
  std::atomic<std::uint32_t> turn_{0};
};

}  // namespace sync
}  // namespace larder
