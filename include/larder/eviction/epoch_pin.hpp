#pragma once

// Fill once, never evict (the MinIO policy of Mohan, Phanishayee, Raniwala, Chidambaram, "Analyzing and mitigating data stalls
// in DNN training", VLDB 2021): what came first stays, and what does not fit is refused.
// Of an epoch that uses each of N entries once, at most C can have been kept: C / N hits are the ceiling, in any order of
// requests and with any knowledge of the future, and this reaches it.
// A hit costs nothing and writes nothing, so hits run in parallel; 0 bytes per entry.
// Choose it for epochs over a data set or passes over layers, where a refused value is used and dropped. Not where the set of
// wanted keys changes: only `erase`, `clear` and expiry make room. A lower capacity takes effect as entries leave.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>

#include <cstdint>
#include <type_traits>

namespace larder {

/// Evicts nothing: once the cache is full, `put` is refused, and `get_or_load` returns what it loaded without storing it.
struct epoch_pin {
  using policy_axis = axis::eviction;
  static constexpr bool concurrent_hits = true;
  static constexpr std::uint8_t counted_uses = 0;

  struct state {};

  template <class States>
  class order {
   public:
    void on_insert(slot, entry_info) noexcept {}
    void on_hit(slot) noexcept {}
    void on_erase(slot) noexcept {}
    void on_evict(slot, entry_info) noexcept {}
    slot victim() noexcept { return no_slot; }
  };
};

static_assert(std::is_empty_v<epoch_pin::state>);

}  // namespace larder
