#pragma once

#include <larder/core/prefetch.hpp>
#include <larder/core/slot.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace larder::storage {

/// The hits that an order has not been told of yet. An order that moves list nodes waits for several lines of memory per hit,
/// one after the other; told of many hits at once, and asked beforehand to fetch what each will touch, it waits for all of them
/// together. Nothing can be seen between two calls of an order, so it decides as if it had been told at once. A hit itself does
/// no more than write down its slot: whatever it does besides keeps the processor from beginning with the next look-up.
template <class Order, class States>
class hit_log {
 public:
  /// Whether the order takes part: it has a `prepare_hit`.
  static constexpr bool wanted = requires(const Order& order, const slot s) { order.prepare_hit(s); };

  void add(Order& order, const States& states, slot s, std::uint32_t uses) noexcept {
    waiting_[count_++] = {s, uses};
    if (count_ == waiting_.size()) [[unlikely]] tell_all(order, states);
  }
  void tell(Order& order, const States& states) noexcept {
    if (count_ != 0) tell_all(order, states);
  }
  static void tell_at_once(Order& order, slot s, std::uint32_t uses) noexcept {
    if constexpr (requires { order.on_hits(s, uses); }) {
      order.on_hits(s, uses);
    } else {
      for (std::uint32_t i = 0; i < uses; ++i) order.on_hit(s);
    }
  }

 private:
  struct used {
    slot place;
    std::uint32_t uses;
  };
  [[gnu::noinline]] void tell_all(Order& order, const States& states) noexcept {
    for (std::size_t i = 0; i < count_; ++i) core::prefetch(&states[waiting_[i].place]);
    for (std::size_t i = 0; i < count_; ++i) order.prepare_hit(waiting_[i].place);
    for (std::size_t i = 0; i < count_; ++i) tell_at_once(order, waiting_[i].place, waiting_[i].uses);
    count_ = 0;
  }

  std::array<used, 64> waiting_;
  std::size_t count_ = 0;
};

}  // namespace larder::storage
