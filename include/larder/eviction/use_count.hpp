#pragma once

#include <larder/core/slot.hpp>

#include <atomic>
#include <concepts>
#include <cstdint>

namespace larder::eviction {

/// How often a slot was used, up to a small number: for orders whose hits do nothing but count. Where the host counts in the
/// line that the look-up has loaded anyway (`counting_host`), the order's state does without.
struct use_count {
  std::atomic<std::uint8_t> uses{0};
};

/// A handle to states whose host counts uses itself: `uses(s)`, `set_uses(s, n)`, and a mark for the order's own purposes,
/// `flag(s)` and `set_flag(s, b)`; all zero when an entry comes.
template <class States>
concept counting_host = requires(const States& states, const slot s) {
  { states.uses(s) } -> std::same_as<std::uint8_t>;
  states.set_uses(s, std::uint8_t{});
  { states.flag(s) } -> std::same_as<bool>;
  states.set_flag(s, true);
};

template <class States>
std::uint8_t uses_of(const States& states, slot s) noexcept {
  if constexpr (counting_host<States>)
    return states.uses(s);
  else
    return states[s].uses.load(std::memory_order_relaxed);
}

template <class States>
void set_uses(const States& states, slot s, std::uint8_t n) noexcept {
  if constexpr (counting_host<States>)
    states.set_uses(s, n);
  else
    states[s].uses.store(n, std::memory_order_relaxed);
}

/// One use more, up to `most`; of uses at the very same time one may be lost. Nothing where the host counts.
template <class States>
void count_use(const States& states, slot s, std::uint8_t most) noexcept {
  if constexpr (!counting_host<States>) {
    const std::uint8_t before = uses_of(states, s);
    if (before < most) set_uses(states, s, static_cast<std::uint8_t>(before + 1));
  }
}

}  // namespace larder::eviction
