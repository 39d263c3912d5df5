#pragma once

// Least recently used: the entry whose last use lies furthest back leaves.
// A hit moves one list node (up to four cache lines written, under the shard's exclusive lock); 8 bytes per entry.
// Choose it where order must be exact and recency predicts use; not in front of epochs or layer cycles larger than the
// cache, where it hits nothing (take `clock` for cheaper hits).

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/slot_list.hpp>

namespace larder {

/// Evicts the least recently used entry. Exact; a replacement counts as a use.
struct lru {
  using policy_axis = axis::eviction;
  static constexpr bool replacement_is_use = true;
  using state = eviction::links;

  template <class States>
  class order {
   public:
    explicit order(States states) noexcept : list_(states) {}
    void on_insert(slot s, entry_info) noexcept { list_.push_front(s); }
    void prepare_hit(slot s) const noexcept { list_.prefetch_neighbours(s); }
    void on_hit(slot s) noexcept { list_.move_to_front(s); }
    void on_erase(slot s) noexcept { list_.erase(s); }
    void on_evict(slot s, entry_info) noexcept { list_.erase(s); }
    slot victim() noexcept { return list_.back(); }

   private:
    eviction::slot_list<States> list_;
  };
};

}  // namespace larder
