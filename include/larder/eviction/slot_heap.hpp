#pragma once

#include <larder/core/slot.hpp>

namespace larder::eviction {

/// The links of a slot in a `slot_heap`; 12 bytes.
struct heap_links {
  slot child = no_slot;  // the first of my children
  slot next = no_slot;   // my next sibling
  slot back = no_slot;   // my previous sibling, or my parent when I am its first child
};

/// A priority queue over slot numbers: a pairing heap (Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", 1986) whose
/// links lie in the cache's own slots, so nothing allocates. `push` and `top` are O(1), `erase` O(log n) amortised.
/// `Before{}(a, b)` compares two states; what it looks at must not change while the slot is in.
template <class States, class Before>
class slot_heap {
 public:
  explicit slot_heap(States states) noexcept : states_(states) {}

  bool empty() const noexcept { return root_ == no_slot; }
  /// The slot that comes before all others; `no_slot` when there is none.
  slot top() const noexcept { return root_; }

  void push(slot s) noexcept {
    auto& added = states_[s];
    added.child = added.next = added.back = no_slot;
    root_ = meld(root_, s);
  }

  void erase(slot s) noexcept {
    const auto& erased = states_[s];
    const slot below = meld_siblings(erased.child);
    if (s == root_) {
      root_ = below;
      return;
    }
    auto& back = states_[erased.back];
    (back.child == s ? back.child : back.next) = erased.next;
    if (erased.next != no_slot) states_[erased.next].back = erased.back;
    root_ = meld(root_, below);
  }

 private:
  /// One tree from two roots without siblings.
  slot meld(slot a, slot b) noexcept {
    if (a == no_slot) return b;
    if (b == no_slot) return a;
    const bool swapped = Before{}(states_[b], states_[a]);
    const slot upper = swapped ? b : a;
    const slot lower = swapped ? a : b;
    auto& parent = states_[upper];
    auto& child = states_[lower];
    child.next = parent.child;
    child.back = upper;
    if (parent.child != no_slot) states_[parent.child].back = lower;
    parent.child = lower;
    return upper;
  }

  /// One tree from a list of siblings: melded in pairs from the left, the pairs from the right.
  slot meld_siblings(slot first) noexcept {
    slot pairs = no_slot;  // a stack, linked by `next`
    while (first != no_slot) {
      const slot a = first;
      const slot b = cut(a);
      first = b == no_slot ? no_slot : cut(b);
      const slot pair = meld(a, b);
      states_[pair].next = pairs;
      pairs = pair;
    }
    slot all = no_slot;
    while (pairs != no_slot) {
      const slot pair = pairs;
      pairs = cut(pair);
      all = meld(all, pair);
    }
    return all;
  }

  /// Makes s a root without siblings; gives the sibling that followed.
  slot cut(slot s) noexcept {
    auto& alone = states_[s];
    const slot next = alone.next;
    alone.next = alone.back = no_slot;
    return next;
  }

  [[no_unique_address]] States states_;
  slot root_ = no_slot;
};

}  // namespace larder::eviction
