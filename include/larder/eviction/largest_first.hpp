#pragma once

// By size: the heaviest entry leaves; among equals, the one that was stored first.
// A pairing heap over the slots (Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", 1986): insertion O(1),
// removal O(log n) amortised, a hit costs nothing; 32 bytes per entry.
// Choose it where a few large values would push out many small ones and recency says little.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>

#include <cstdint>

namespace larder {

/// Evicts the entry with the largest weight. Uses are ignored; a replacement is stored anew.
struct largest_first {
  using policy_axis = axis::eviction;
  static constexpr bool concurrent_hits = true;

  struct state {
    std::uint64_t weight = 0;
    std::uint64_t arrival = 0;
    slot child = no_slot;  // the first of my children
    slot next = no_slot;   // my next sibling
    slot back = no_slot;   // my previous sibling, or my parent when I am its first child
  };

  template <class States>
  class order {
   public:
    explicit order(States states) noexcept : states_(states) {}

    void on_insert(slot s, entry_info info) noexcept {
      state& added = states_[s];
      added.weight = info.weight;
      added.arrival = arrivals_++;
      added.child = added.next = added.back = no_slot;
      root_ = meld(root_, s);
    }
    void on_hit(slot) noexcept {}
    void on_erase(slot s) noexcept { remove(s); }
    void on_evict(slot s, entry_info) noexcept { remove(s); }
    slot victim() noexcept { return root_; }

   private:
    bool before(slot a, slot b) noexcept {
      const state& x = states_[a];
      const state& y = states_[b];
      return x.weight != y.weight ? x.weight > y.weight : x.arrival < y.arrival;
    }

    /// One tree from two roots without siblings.
    slot meld(slot a, slot b) noexcept {
      if (a == no_slot) return b;
      if (b == no_slot) return a;
      if (before(b, a)) {
        const slot swapped = a;
        a = b;
        b = swapped;
      }
      state& parent = states_[a];
      state& child = states_[b];
      child.next = parent.child;
      child.back = a;
      if (parent.child != no_slot) states_[parent.child].back = b;
      parent.child = b;
      return a;
    }

    /// One tree from a list of siblings: melded in pairs from the left, the pairs from the right.
    slot meld_siblings(slot first) noexcept {
      slot pairs = no_slot;  // a stack, linked by `next`
      while (first != no_slot) {
        const slot a = first;
        const slot b = states_[a].next;
        first = b == no_slot ? no_slot : states_[b].next;
        states_[a].next = states_[a].back = no_slot;
        if (b != no_slot) states_[b].next = states_[b].back = no_slot;
        const slot pair = meld(a, b);
        states_[pair].next = pairs;
        pairs = pair;
      }
      slot merged = no_slot;
      while (pairs != no_slot) {
        const slot pair = pairs;
        pairs = states_[pair].next;
        states_[pair].next = no_slot;
        merged = meld(merged, pair);
      }
      return merged;
    }

    void remove(slot s) noexcept {
      state& removed = states_[s];
      const slot below = meld_siblings(removed.child);
      if (s == root_) {
        root_ = below;
      } else {
        state& back = states_[removed.back];
        (back.child == s ? back.child : back.next) = removed.next;
        if (removed.next != no_slot) states_[removed.next].back = removed.back;
        root_ = meld(root_, below);
      }
    }

    [[no_unique_address]] States states_;
    slot root_ = no_slot;
    std::uint64_t arrivals_ = 0;
  };
};

}  // namespace larder
