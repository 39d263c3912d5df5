#pragma once

// LIRS (Jiang, Zhang, "LIRS: an efficient low inter-reference recency set replacement policy", SIGMETRICS 2002): entries whose
// last two uses lay close together (LIR) hold 99 % of the cache, newcomers and the rest (HIR) pass through a queue Q of 1 %.
// A HIR entry, there or gone, that is used again while it is more recent than the oldest LIR takes that one's place.
// The paper's stack S is not kept as a list: every push of an HIR entry gets a number and every LIR entry the number of pushes
// at its last use, so "in S" means "pushed after the last use of the oldest LIR", and pruning costs nothing.
// What the paper leaves open: hashes of gone HIR entries are kept while they are in S, but of the last c pushes for c entries at
// most; until the cache is full for the first time, all are LIR. Shares are counted in entries.
// A hit moves one or two list nodes (four to nine cache lines written, under the shard's exclusive lock); a put that evicts
// moves two or three and touches about four cache lines of ghosts. 16 bytes per entry and 12 for its ghost.
// Choose it for loops and scans larger than the cache, where LRU hits nothing; not for uses that drift quickly.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/ghost_memory.hpp>
#include <larder/eviction/ghost_ring.hpp>
#include <larder/eviction/slot_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace larder {

/// Evicts the oldest of the few entries that have not been used twice at a short distance. A replacement is a use;
/// a larger one is stored anew.
struct lirs {
  using policy_axis = axis::eviction;
  static constexpr bool replacement_is_use = true;
  static constexpr std::uint8_t rationed_uses = 1;

  struct state : eviction::links {
    std::uint64_t push_and_kind = 0;

    bool lir() const noexcept { return (push_and_kind & 1) != 0; }
    /// LIR: how many pushes there were at its last use; HIR: the number of its last push.
    std::uint64_t pushed() const noexcept { return push_and_kind >> 1; }
    void set(std::uint64_t push, bool is_lir) noexcept { push_and_kind = (push << 1) | (is_lir ? 1 : 0); }
  };

  template <class States, class Memory = eviction::ghost_memory>
  class order {
   public:
    explicit order(States states) noexcept : states_(states), lirs_(states), queue_(states) {}

    void on_insert(slot s, entry_info info) noexcept {
      capacity_ = std::max(capacity_, size() + 1);
      if (ghosts_.take(info.hash, oldest_in_stack()) || lirs_size_ < most_lirs()) {
        make_lir(s);
        demote_excess();
      } else {
        push(s);
      }
    }
    void prepare_hit(slot s) const noexcept { lirs_.prefetch_neighbours(s); }  // of whichever list it is in
    void on_hit(slot s) noexcept {
      if (states_[s].lir()) {
        lirs_.move_to_front(s);
        states_[s].set(ghosts_.newest(), true);
        return;
      }
      const bool in_stack = states_[s].pushed() >= oldest_in_stack();
      take_out(s);
      if (in_stack) {
        make_lir(s);
        demote_excess();
      } else {
        push(s);
      }
    }
    void on_erase(slot s) noexcept { take_out(s); }
    void on_evict(slot s, entry_info info) noexcept {
      const std::uint64_t pushed = states_[s].pushed();
      const bool in_stack = pushed >= oldest_in_stack();
      take_out(s);
      if (in_stack) ghosts_.insert(info.hash, pushed);
    }
    /// The cache is full when it asks, so what is there is its capacity.
    slot victim() noexcept {
      capacity_ = size();
      filled_ = true;
      demote_excess();
      return queue_.back();
    }

    /// Bytes of the ghosts.
    std::size_t memory() const noexcept { return ghosts_.memory(); }

   private:
    static constexpr std::size_t hir_share = 100;

    std::size_t size() const noexcept { return lirs_size_ + queue_size_; }
    /// All but one at most; all as long as the capacity is not known.
    std::size_t most_lirs() const noexcept {
      return filled_ ? capacity_ - std::max<std::size_t>(1, capacity_ / hir_share) : std::numeric_limits<std::size_t>::max();
    }

    /// The first push after the last use of the oldest LIR.
    std::uint64_t oldest_in_stack() const noexcept {
      return (lirs_.empty() ? ghosts_.newest() : states_[lirs_.back()].pushed()) + 1;
    }

    void make_lir(slot s) noexcept {
      states_[s].set(ghosts_.newest(), true);
      lirs_.push_front(s);
      ++lirs_size_;
    }
    /// An HIR entry to the top of S and the end of Q.
    void push(slot s) noexcept {
      ghosts_.advance(capacity_);
      states_[s].set(ghosts_.newest(), false);
      queue_.push_front(s);
      ++queue_size_;
    }
    void demote_excess() noexcept {
      while (lirs_size_ > most_lirs()) demote();
    }
    /// The oldest LIR to the end of Q, out of S.
    void demote() noexcept {
      const slot s = lirs_.back();
      take_out(s);
      states_[s].set(states_[s].pushed(), false);
      queue_.push_front(s);
      ++queue_size_;
    }
    void take_out(slot s) noexcept {
      const bool lir = states_[s].lir();
      (lir ? lirs_ : queue_).erase(s);
      --(lir ? lirs_size_ : queue_size_);
    }

    [[no_unique_address]] States states_;
    eviction::slot_list<States> lirs_;   // most recently used first
    eviction::slot_list<States> queue_;  // Q: the oldest is the victim
    std::size_t lirs_size_ = 0;
    std::size_t queue_size_ = 0;
    std::size_t capacity_ = 0;
    bool filled_ = false;
    eviction::ghost_ring<Memory> ghosts_;  // by the numbers of the pushes
  };
};

static_assert(sizeof(lirs::state) == 16);

}  // namespace larder
