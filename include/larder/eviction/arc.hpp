#pragma once

// ARC (Megiddo, Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003): two LRU lists, T1 of what was used
// once and T2 of what was used more often, and two ghost lists, B1 and B2, of what left them. A miss on a hash in B1 says that
// T1 should be larger, one on a hash in B2 that it should be smaller; the victim comes from the list that is above its share.
// A hit moves one list node (up to four cache lines written, under the shard's exclusive lock); a put that evicts moves two and
// looks up one hash among the ghosts. 12 bytes per entry and at most 20 for its ghost. c is the number of entries.
// Choose it where recency and frequency take turns in being right and hits need not be cheap; not for loops (`lirs`).

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/ghost_lists.hpp>
#include <larder/eviction/ghost_memory.hpp>
#include <larder/eviction/slot_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace larder {

/// Evicts the least recently used entry of those used once or of those used more often, in shares that adapt. Exact for a host
/// that asks with `victim(incoming)`; else a returning key moves the shares only after its victim was chosen. A replacement is
/// a use; a larger one is stored anew.
struct arc {
  using policy_axis = axis::eviction;
  static constexpr bool replacement_is_use = true;
  static constexpr std::uint8_t rationed_uses = 1;

  struct state : eviction::links {
    bool again = false;  // in T2
  };

  template <class States, class Memory = eviction::ghost_memory>
  class order {
   public:
    explicit order(States states) noexcept : states_(states), once_(states), again_(states) {}

    void on_insert(slot s, entry_info info) noexcept {
      capacity_ = std::max(capacity_, size() + 1);
      meet(info.hash);
      put_in(s, from_ != origin::stranger);
      met_ = false;
    }
    void prepare_hit(slot s) const noexcept { once_.prefetch_neighbours(s); }  // of whichever list it is in
    void on_hit(slot s) noexcept {
      if (states_[s].again) {
        again_.move_to_front(s);
      } else {
        take_out(s);
        put_in(s, true);
      }
    }
    void on_erase(slot s) noexcept { take_out(s); }
    void on_evict(slot s, entry_info info) noexcept {
      const bool again = states_[s].again;
      take_out(s);
      // Room for the one that comes, too: at most c in T1 and B1, at most 2c in all.
      const bool to_once = make_room(false, once_size_ + (room_ && from_ == origin::stranger), capacity_, !again);
      const bool to_again = make_room(true, size() + room_ + ghosts_.size(false) + (!again && to_once), 2 * capacity_, again);
      if (again ? to_again : to_once) ghosts_.push(again, info.hash);
    }

    /// The cache is full when it asks, so what is there is its capacity, c. Several victims for one key count as one lesson.
    slot victim(entry_info incoming) noexcept {
      if (size() == 0) return no_slot;
      if (!met_ || incoming.hash != hash_met_) capacity_ = size();
      meet(incoming.hash);
      room_ = true;
      return choose(from_ == origin::again);
    }
    slot victim() noexcept {
      capacity_ = size();
      room_ = false;
      return choose(false);
    }

    /// Bytes of the ghosts.
    std::size_t memory() const noexcept { return ghosts_.memory(); }

   private:
    enum class origin : std::uint8_t { stranger, once, again };  // in no ghost list, B1, B2

    std::size_t size() const noexcept { return once_size_ + again_size_; }

    /// Learns from the key that comes whether its list should have been larger; once, until it is there.
    void meet(std::uint64_t hash) noexcept {
      if (met_ && hash == hash_met_) return;
      met_ = true;
      hash_met_ = hash;
      from_ = origin::stranger;
      const auto ghost = ghosts_.find(hash);
      if (ghost == ghosts_.nowhere) return;
      const auto once = static_cast<double>(ghosts_.size(false));
      const auto again = static_cast<double>(ghosts_.size(true));
      if (ghosts_.in_second(ghost)) {
        from_ = origin::again;
        once_share_ = std::max(once_share_ - std::max(once / again, 1.0), 0.0);
      } else {
        from_ = origin::once;
        once_share_ = std::min(once_share_ + std::max(again / once, 1.0), static_cast<double>(capacity_));
      }
      ghosts_.erase(ghost);
    }

    /// Drops the oldest ghosts of a list until these, `more` and `others` stay within the limit; false when they cannot.
    bool make_room(bool list, std::size_t others, std::size_t limit, std::size_t more) noexcept {
      while (others + ghosts_.size(list) + more > limit) {
        if (ghosts_.size(list) == 0) return false;
        ghosts_.erase_oldest(list);
      }
      return true;
    }

    /// The paper's REPLACE.
    slot choose(bool for_again) noexcept {
      const auto once = static_cast<double>(once_size_);
      const bool from_once = once_size_ != 0 && (once > once_share_ || (for_again && !(once < once_share_)));
      return from_once || again_.empty() ? once_.back() : again_.back();
    }

    void put_in(slot s, bool again) noexcept {
      states_[s].again = again;
      (again ? again_ : once_).push_front(s);
      ++(again ? again_size_ : once_size_);
    }
    void take_out(slot s) noexcept {
      const bool again = states_[s].again;
      (again ? again_ : once_).erase(s);
      --(again ? again_size_ : once_size_);
    }

    [[no_unique_address]] States states_;
    eviction::slot_list<States> once_;   // T1
    eviction::slot_list<States> again_;  // T2
    std::size_t once_size_ = 0;
    std::size_t again_size_ = 0;
    std::size_t capacity_ = 0;
    double once_share_ = 0;  // the paper's p: how many T1 should hold
    eviction::ghost_lists<Memory> ghosts_;
    std::uint64_t hash_met_ = 0;
    bool met_ = false;  // hash_met_ has been learned from and is not there yet
    origin from_ = origin::stranger;
    bool room_ = false;  // the victim makes room for a key
  };
};

static_assert(sizeof(arc::state) == 12);

}  // namespace larder
