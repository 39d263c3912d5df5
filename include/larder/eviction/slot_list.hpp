#pragma once

#include <larder/core/prefetch.hpp>
#include <larder/core/slot.hpp>

namespace larder::eviction {

/// The links of a slot in a `slot_list`; 8 bytes.
struct links {
  slot prev = no_slot;
  slot next = no_slot;
};

/// A doubly linked list over slot numbers: the links lie in the cache's own slots, the list itself is two numbers.
/// Every operation is a few loads and stores; nothing allocates.
template <class States>
class slot_list {
 public:
  explicit slot_list(States states) noexcept : states_(states) {}

  bool empty() const noexcept { return head_ == no_slot; }
  slot front() const noexcept { return head_; }
  slot back() const noexcept { return tail_; }

  /// Fetches what taking this slot out will touch.
  void prefetch_neighbours(slot s) const noexcept {
    const auto& state = states_[s];
    if (state.prev != no_slot) core::prefetch(&states_[state.prev]);
    if (state.next != no_slot) core::prefetch(&states_[state.next]);
  }

  void push_front(slot s) noexcept {
    auto& state = states_[s];
    state.prev = no_slot;
    state.next = head_;
    (head_ == no_slot ? tail_ : states_[head_].prev) = s;
    head_ = s;
  }

  void erase(slot s) noexcept {
    const auto& state = states_[s];
    (state.prev == no_slot ? head_ : states_[state.prev].next) = state.next;
    (state.next == no_slot ? tail_ : states_[state.next].prev) = state.prev;
  }

  void move_to_front(slot s) noexcept {
    if (s == head_) return;
    erase(s);
    push_front(s);
  }

 private:
  [[no_unique_address]] States states_;
  slot head_ = no_slot;
  slot tail_ = no_slot;
};

}  // namespace larder::eviction
