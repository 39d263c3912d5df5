#pragma once

// Least frequently used, exactly, in constant time (Shah, Mitra, Matani, "An O(1) algorithm for implementing the LFU cache
// eviction scheme", 2010): one list of entries per number of uses, the lists themselves in a chain by that number.
// A hit moves one list node and may make or drop a list (under the shard's exclusive lock). 12 bytes per entry, and 32 for
// each number of uses that some entry has: far fewer than entries, since n different numbers take n^2 / 2 uses. Those lists
// are kept and used again; without memory for another one a hit is not counted but still makes the entry the newest of its list.
// Choose it where popularity is stable. It forgets nothing: what was once popular stays when nobody wants it any more, and
// newcomers push each other out (take `w_tinylfu` there).

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/slot_list.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <vector>

namespace larder {

/// Evicts the entry with the fewest uses; among equals, the least recently used. The store is the first use; uses are
/// forgotten when the entry leaves. A replacement is a use; a larger one is stored anew.
struct lfu {
  using policy_axis = axis::eviction;
  static constexpr bool replacement_is_use = true;
  static constexpr std::uint8_t rationed_uses = 7;

  struct state : eviction::links {
    std::uint32_t bucket = 0;
  };

  template <class States, class Allocator = std::allocator<std::byte>>
  class order {
   public:
    explicit order(States states) : states_(states) { buckets_.push_back(bucket(states_, 1)); }

    void on_insert(slot s, entry_info) noexcept { enter(s, once); }
    void prepare_hit(slot s) const noexcept { buckets_[states_[s].bucket].entries.prefetch_neighbours(s); }
    void on_hit(slot s) noexcept { on_hits(s, 1); }
    void on_hits(slot s, std::uint32_t uses) noexcept {
      const index from = states_[s].bucket;
      const index to = bucket_above(s, from, uses);
      if (to == from) {
        buckets_[from].entries.move_to_front(s);
        return;
      }
      leave(s);
      enter(s, to);
    }
    void on_erase(slot s) noexcept { leave(s); }
    void on_evict(slot s, entry_info) noexcept { leave(s); }
    slot victim() noexcept {
      const bucket& lowest = buckets_[once];
      if (!lowest.entries.empty() || lowest.above == none) return lowest.entries.back();
      return buckets_[lowest.above].entries.back();
    }

   private:
    using index = std::uint32_t;
    static constexpr index once = 0;  // the bucket of what was used once: always there, all others only when not empty
    static constexpr index none = std::numeric_limits<index>::max();

    struct bucket {
      bucket(States states, std::uint64_t n) noexcept : uses(n), entries(states) {}
      std::uint64_t uses;
      eviction::slot_list<States> entries;
      index above = none;  // more uses; in the chain of the free ones, the next
      index below = none;
    };

    void enter(slot s, index b) noexcept {
      states_[s].bucket = b;
      buckets_[b].entries.push_front(s);
    }

    void leave(slot s) noexcept {
      const index b = states_[s].bucket;
      bucket& left = buckets_[b];
      left.entries.erase(s);
      if (b == once || !left.entries.empty()) return;
      buckets_[left.below].above = left.above;
      if (left.above != none) buckets_[left.above].below = left.below;
      left.above = free_;
      free_ = b;
    }

    /// The bucket for so many uses more than those in `from`, to which s belongs; `from` itself when it may stay there.
    index bucket_above(slot s, index from, std::uint32_t more) noexcept {
      bucket& now = buckets_[from];
      const std::uint64_t uses = now.uses + more;
      index below = from;
      while (buckets_[below].above != none && buckets_[buckets_[below].above].uses <= uses) below = buckets_[below].above;
      if (buckets_[below].uses == uses) return below;
      if (below == from && from != once && now.entries.front() == s && now.entries.back() == s) {  // alone: it takes its bucket with it
        now.uses = uses;
        return from;
      }
      return insert_above(below, uses, from);
    }

    /// A new bucket above one with fewer uses; `otherwise` when there is no memory for it.
    index insert_above(index from, std::uint64_t uses, index otherwise) noexcept {
      const bucket added(states_, uses);
      index at = free_;
      if (at != none) {
        free_ = buckets_[at].above;
        buckets_[at] = added;
      } else {
        at = static_cast<index>(buckets_.size());
        try {
          buckets_.push_back(added);
        } catch (const std::exception&) {
          return otherwise;
        }
      }
      const index above = buckets_[from].above;
      buckets_[at].below = from;
      buckets_[at].above = above;
      buckets_[from].above = at;
      if (above != none) buckets_[above].below = at;
      return at;
    }

    [[no_unique_address]] States states_;
    std::vector<bucket, typename std::allocator_traits<Allocator>::template rebind_alloc<bucket>> buckets_;
    index free_ = none;
  };
};

static_assert(sizeof(lfu::state) == 12);

}  // namespace larder
