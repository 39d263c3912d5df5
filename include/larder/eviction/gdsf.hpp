#pragma once

// Greedy-Dual-Size-Frequency (Cherkasova, "Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching policy",
// 1998; Arlitt, Cherkasova, Dilley, Friedrich, Jin, "Evaluating content management techniques for Web proxy caches", 2000):
// an entry is worth H = L + uses / weight, and L is the worth of what was evicted last, so that old merits fade.
// H never falls while an entry is in, so a hit only writes the entry's new worth down (under the shard's exclusive lock); the
// entry moves in the priority queue when an eviction finds it at the front with an outdated worth. The order is exact all
// the same. An eviction is O(log n) amortised; 56 bytes per entry.
// Choose it for a budget in bytes with values of different sizes: small and often used stays, and no size starves, since L
// rises. It maximises the hits, not the bytes that hits save. Weights are the host's (`entry_info::weight`, at least 1); where
// a budget counts entries, all of them cost the same room, and `w_tinylfu` is the better choice.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/slot_heap.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace larder {

/// Evicts the entry with the least uses per weight, aged; among equals, the least recently used. A replacement is stored anew.
struct gdsf {
  using policy_axis = axis::eviction;
  static constexpr std::uint8_t rationed_uses = 7;

  struct worth {
    double height = 0;       // H
    std::uint64_t used = 0;  // when: no two are equal
  };
  struct state : eviction::heap_links {
    std::uint32_t uses = 0;
    std::uint64_t weight = 1;
    worth now;
    worth queued;  // its worth when it took its place in the queue: never more than `now`
  };

  template <class States>
  class order {
   public:
    explicit order(States states) noexcept : states_(states), queue_(states) {}

    void on_insert(slot s, entry_info info) noexcept {
      states_[s].weight = std::max<std::uint64_t>(info.weight, 1);
      on_hit(s);
      queue(s);
    }
    void prepare_hit(slot) const noexcept {}  // its own state is all that a hit touches
    void on_hit(slot s) noexcept { on_hits(s, 1); }
    void on_hits(slot s, std::uint32_t n) noexcept {
      state& used = states_[s];
      used.uses += std::min(n, std::numeric_limits<std::uint32_t>::max() - used.uses);
      used.now = {floor_ + used.uses / static_cast<double>(used.weight), ++uses_};
    }
    void on_erase(slot s) noexcept { queue_.erase(s); }
    void on_evict(slot s, entry_info) noexcept {
      floor_ = states_[s].now.height;
      queue_.erase(s);
    }
    slot victim() noexcept {
      slot first = queue_.top();
      while (first != no_slot && states_[first].queued.used != states_[first].now.used) {
        queue_.erase(first);
        queue(first);
        first = queue_.top();
      }
      return first;
    }

   private:
    struct less_worth {
      bool operator()(const state& a, const state& b) const noexcept {
        return a.queued.height != b.queued.height ? a.queued.height < b.queued.height : a.queued.used < b.queued.used;
      }
    };

    void queue(slot s) noexcept {
      states_[s].queued = states_[s].now;
      queue_.push(s);
    }

    [[no_unique_address]] States states_;
    eviction::slot_heap<States, less_worth> queue_;
    double floor_ = 0;  // L
    std::uint64_t uses_ = 0;
  };
};

static_assert(sizeof(gdsf::state) == 56);

}  // namespace larder
