#pragma once

// SIEVE (Zhang, Yang, Yue, Vigfusson, Rashmi, "SIEVE is simpler than LRU", NSDI 2024): a queue by arrival and a hand that
// goes from the oldest to the newest; it passes over what was used since it last came by and evicts what was not. Unlike in
// CLOCK, survivors keep their place, so newcomers are sifted quickly.
// A hit sets one mark (nothing when it is set already) and runs in parallel with others; 8 bytes per entry and the mark.
// Choose it for skewed, web-like use, where it beats LRU; not for scans longer than the cache.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/slot_list.hpp>
#include <larder/eviction/use_count.hpp>

#include <cstdint>

namespace larder {

/// Evicts the first entry from the hand towards newer ones that has not been used since the hand last passed it. A replacement
/// is a use; a larger one is stored anew.
struct sieve {
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
    void on_erase(slot s) noexcept { remove(s); }
    void on_evict(slot s, entry_info) noexcept { remove(s); }
    slot victim() noexcept {
      if (list_.empty()) return no_slot;
      if (hand_ == no_slot) hand_ = list_.back();
      while (eviction::uses_of(states_, hand_) != 0) {
        eviction::set_uses(states_, hand_, 0);
        const slot newer = states_[hand_].prev;
        hand_ = newer == no_slot ? list_.back() : newer;
      }
      return hand_;
    }

   private:
    void remove(slot s) noexcept {
      if (hand_ == s) hand_ = states_[s].prev;
      list_.erase(s);
    }

    [[no_unique_address]] States states_;
    eviction::slot_list<States> list_;
    slot hand_ = no_slot;  // no_slot: start at the oldest
  };
};

}  // namespace larder
