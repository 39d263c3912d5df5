#pragma once

// Fill once, never evict (the MinIO policy of Mohan, Phanishayee, Raniwala, Chidambaram, "Analyzing and mitigating data stalls
// in DNN training", VLDB 2021): what came first stays, and what does not fit is refused.
// Of an epoch that uses each of N entries once, at most C can have been kept: C / N hits are the ceiling, in any order of
// requests and with any knowledge of the future, and this reaches it.
// A hit costs nothing and writes nothing, so hits run in parallel; 8 bytes per entry, for a capacity that is lowered.
// Choose it for epochs over a data set or passes over layers, where a refused value is used and dropped. Not where the set of
// wanted keys changes: only `erase`, `clear`, expiry and a lower capacity make room.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/slot_list.hpp>

#include <cstdint>

namespace larder {

/// Evicts nothing for a put: once the cache is full, `put` is refused, and `get_or_load` returns what it loaded without storing
/// it. When the capacity is lowered, who came last leaves first.
struct epoch_pin {
  using policy_axis = axis::eviction;
  using state = eviction::links;
  static constexpr bool concurrent_hits = true;
  static constexpr std::uint8_t counted_uses = 0;
  static constexpr bool evicts_for_puts = false;

  template <class States>
  class order {
   public:
    explicit order(States states) noexcept : list_(states) {}
    void on_insert(slot s, entry_info) noexcept { list_.push_front(s); }
    void on_hit(slot) noexcept {}
    void on_erase(slot s) noexcept { list_.erase(s); }
    void on_evict(slot s, entry_info) noexcept { list_.erase(s); }
    slot victim() noexcept { return list_.front(); }

   private:
    eviction::slot_list<States> list_;
  };
};

}  // namespace larder
