#pragma once

// CLOCK, or second chance (Corbato, "A paging experiment with the Multics system", 1968): first in, first out, but an
// entry that was used since the hand last passed is let off once and its mark is cleared.
// A hit sets one mark (nothing when it is set already) and runs in parallel with others; 8 bytes per entry and the mark.
// Choose it for LRU's hit ratio or better without LRU's cost per hit, and when the order must be simple to foresee.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/slot_list.hpp>
#include <larder/eviction/use_count.hpp>

#include <cstdint>

namespace larder {

/// Evicts the oldest entry that has not been used since it was last considered. A replacement is a use; a larger one
/// is stored anew.
struct clock {
  using policy_axis = axis::eviction;
  static constexpr bool replacement_is_use = true;
  static constexpr bool concurrent_hits = true;
  static constexpr std::uint8_t counted_uses = 1;

  struct state : eviction::links, eviction::use_count {};
  using counted_state = eviction::links;

  template <class States>
  class order {
   public:
    explicit order(States states) noexcept : states_(states), list_(states) {}
    void on_insert(slot s, entry_info) noexcept { list_.push_front(s); }
    void on_hit(slot s) noexcept { eviction::count_use(states_, s, counted_uses); }
    void on_erase(slot s) noexcept { list_.erase(s); }
    void on_evict(slot s, entry_info) noexcept { list_.erase(s); }
    slot victim() noexcept {
      slot s = list_.back();
      while (s != no_slot && eviction::uses_of(states_, s) != 0) {
        eviction::set_uses(states_, s, 0);
        list_.move_to_front(s);
        s = list_.back();
      }
      return s;
    }

   private:
    [[no_unique_address]] States states_;
    eviction::slot_list<States> list_;
  };
};

}  // namespace larder
