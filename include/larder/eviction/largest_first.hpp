#pragma once

// By size: the heaviest entry leaves; among equals, the one that was stored first.
// A priority queue over the slots (`slot_heap`): insertion O(1), removal O(log n) amortised, a hit costs nothing and runs in
// parallel with others; 32 bytes per entry.
// Choose it where a few large values would push out many small ones and recency says little.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/slot_heap.hpp>

#include <cstdint>

namespace larder {

/// Evicts the entry with the largest weight. Uses are ignored; a replacement is stored anew.
struct largest_first {
  using policy_axis = axis::eviction;
  static constexpr bool concurrent_hits = true;
  static constexpr std::uint8_t counted_uses = 0;

  struct state : eviction::heap_links {
    std::uint64_t weight = 0;
    std::uint64_t arrival = 0;
  };

  template <class States>
  class order {
   public:
    explicit order(States states) noexcept : states_(states), queue_(states) {}

    void on_insert(slot s, entry_info info) noexcept {
      states_[s].weight = info.weight;
      states_[s].arrival = arrivals_++;
      queue_.push(s);
    }
    void on_hit(slot) noexcept {}
    void on_erase(slot s) noexcept { queue_.erase(s); }
    void on_evict(slot s, entry_info) noexcept { queue_.erase(s); }
    slot victim() noexcept { return queue_.top(); }

   private:
    struct heavier {
      bool operator()(const state& a, const state& b) const noexcept {
        return a.weight != b.weight ? a.weight > b.weight : a.arrival < b.arrival;
      }
    };

    [[no_unique_address]] States states_;
    eviction::slot_heap<States, heavier> queue_;
    std::uint64_t arrivals_ = 0;
  };
};

static_assert(sizeof(largest_first::state) == 32);

}  // namespace larder
