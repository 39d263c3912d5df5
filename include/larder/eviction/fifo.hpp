#pragma once

// First in, first out: the entry that was stored first leaves, however often it was used.
// A hit costs nothing and writes nothing, so hits run in parallel; 8 bytes per entry.
// Choose it for streams that are read about once, or as the cheapest baseline.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/slot_list.hpp>

#include <cstdint>

namespace larder {

/// Evicts the entry that was stored longest ago. Uses are ignored; a replacement is stored anew.
struct fifo {
  using policy_axis = axis::eviction;
  using state = eviction::links;
  static constexpr bool concurrent_hits = true;
  static constexpr std::uint8_t counted_uses = 0;

  template <class States>
  class order {
   public:
    explicit order(States states) noexcept : list_(states) {}
    void on_insert(slot s, entry_info) noexcept { list_.push_front(s); }
    void on_hit(slot) noexcept {}
    void on_erase(slot s) noexcept { list_.erase(s); }
    void on_evict(slot s, entry_info) noexcept { list_.erase(s); }
    slot victim() noexcept { return list_.back(); }

   private:
    eviction::slot_list<States> list_;
  };
};

}  // namespace larder
