#pragma once

// For passes over a cycle that is larger than the cache: the entry that was used last is the one whose next use lies furthest
// ahead, so it leaves (Belady, "A study of replacement algorithms for a virtual-storage computer", 1966, for this order of
// requests: most recently used first). With room for C of N entries (C - 1) / (N - 1) of the look-ups hit after the first pass,
// the most that is possible where what is loaded must be stored; LRU, FIFO and CLOCK hit nothing.
// What a cycle that is over left behind would stay for good. So an entry leaves first when it was not used for twice the
// longest distance between two uses of an entry that was ever seen, and for 64 requests per entry at least: cycles up to 64
// times the cache are served exactly, longer ones hit next to nothing anyhow. Requests are what the order is told of: hits and stores.
// A hit moves one list node (under the shard's exclusive lock); 12 bytes per entry.
// Choose it for layers or samples in a fixed order, or in a new order each epoch; not where some entries are wanted more often
// than others. `epoch_pin` hits once more per pass and refuses what does not fit.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/slot_list.hpp>

#include <algorithm>
#include <cstdint>

namespace larder {

/// Evicts the most recently used entry, unless the least recently used one has fallen out of the cycle. A replacement is a use.
struct cyclic {
  using policy_axis = axis::eviction;

  struct state : eviction::links {
    std::uint32_t used = 0;  // the request that used it last, modulo 2^32
  };

  template <class States>
  class order {
   public:
    explicit order(States states) noexcept : states_(states), list_(states) {}

    void on_insert(slot s, entry_info) noexcept {
      states_[s].used = ++requests_;
      list_.push_front(s);
      ++entries_;
    }
    void prepare_hit(slot s) const noexcept { list_.prefetch_neighbours(s); }
    void on_hit(slot s) noexcept {
      ++requests_;
      longest_ = std::max(longest_, age(s));
      states_[s].used = requests_;
      list_.move_to_front(s);
    }
    void on_erase(slot s) noexcept {
      list_.erase(s);
      --entries_;
    }
    void on_evict(slot s, entry_info) noexcept { on_erase(s); }
    slot victim() noexcept {
      const slot oldest = list_.back();
      if (oldest == no_slot) return no_slot;
      const std::uint64_t patience = std::max<std::uint64_t>(std::uint64_t{2} * longest_, std::uint64_t{64} * entries_);
      return age(oldest) > patience ? oldest : list_.front();
    }

   private:
    std::uint32_t age(slot s) noexcept { return requests_ - states_[s].used; }

    [[no_unique_address]] States states_;
    eviction::slot_list<States> list_;
    std::uint32_t requests_ = 0;
    std::uint32_t longest_ = 0;
    std::uint32_t entries_ = 0;
  };
};

static_assert(sizeof(cyclic::state) == 12);

}  // namespace larder
