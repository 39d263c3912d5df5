#pragma once

#include <larder/sync/thread_number.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace larder::observe {

/// Says of one call in `every`, on average, that it is its turn, at distances that vary, so that no rhythm of the caller's is met always
/// or never. Each thread counts on a cache line of its own: a load, a comparison and a store per call.
template <bool Shared>
class sampled_turns {
 public:
  /// `every` is at least 1; then all calls have their turn.
  explicit sampled_turns(std::uint32_t every)
      : every_(every), lines_(std::make_unique<line[]>(Shared ? sync::thread_number::all_taken + 1 : 1)) {
    for (unsigned i = 0; i < (Shared ? sync::thread_number::all_taken + 1 : 1); ++i) {
      lines_[i].state.store(0x9e3779b9U * (i + 1) | 1U, std::memory_order_relaxed);
      lines_[i].left.store(next(lines_[i]), std::memory_order_relaxed);
    }
  }

  std::uint32_t every() const noexcept { return every_; }
  [[gnu::always_inline]] bool take() noexcept {
    line& mine = lines_[number()];
    const std::uint32_t left = mine.left.load(std::memory_order_relaxed);
    if (left != 0) [[likely]] {
      mine.left.store(left - 1, std::memory_order_relaxed);
      return false;
    }
    begin_again(mine);
    return true;
  }

 private:
  struct alignas(64) line {
    std::atomic<std::uint32_t> left{0};
    std::atomic<std::uint32_t> state{1};
  };

  [[gnu::always_inline]] static unsigned number() noexcept {
    if constexpr (!Shared) {
      return 0;
    } else {
      const unsigned known = sync::thread_number::known();
      return known <= sync::thread_number::all_taken ? known : sync::thread_number::mine();
    }
  }
  [[gnu::noinline]] void begin_again(line& mine) noexcept { mine.left.store(next(mine), std::memory_order_relaxed); }
  /// How many calls go by before the next turn: 0 to 2 (every - 1), each as likely.
  std::uint32_t next(line& mine) const noexcept {
    std::uint32_t x = mine.state.load(std::memory_order_relaxed);
    x ^= x << 13U;
    x ^= x >> 17U;
    x ^= x << 5U;
    mine.state.store(x, std::memory_order_relaxed);
    return static_cast<std::uint32_t>((std::uint64_t{x} * (2 * std::uint64_t{every_} - 1)) >> 32U);
  }

  std::uint32_t every_;
  std::unique_ptr<line[]> lines_;
};

}  // namespace larder::observe
