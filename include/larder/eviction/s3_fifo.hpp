#pragma once

// S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023): three queues by
// arrival. Newcomers pass through a small one, a tenth of the cache. Who is used twice there moves to the main one; who is not
// leaves, and only its hash stays in the ghost queue; who comes back while that remembers it goes to the main queue at once.
// There, each use (up to three) buys another round.
// A hit raises one counter up to three (nothing is written beyond that) and runs in parallel with others: of hits at the very
// same time one may not be counted. A put that evicts passes over used entries, amortised once per use, and touches about four
// cache lines of ghosts. 8 bytes per entry (both links of a list, since any entry may leave at any time), the count and 12 for its ghost.
// What the paper leaves open: two uses move to the main queue, as in its Algorithm 1. The ghost queue spans as many evictions as
// there are entries; those who came back leave their places empty, where the authors' simulator fills 0.9 of them. Shares are
// counted in entries, not in weights: that holds under every limit, and nothing more has to be kept of an entry.
// Choose it for skewed use with many keys that come once, scans included; not for loops a little longer than the cache (`lirs`).

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/ghost_memory.hpp>
#include <larder/eviction/ghost_ring.hpp>
#include <larder/eviction/slot_list.hpp>
#include <larder/eviction/use_count.hpp>

#include <cstddef>
#include <cstdint>

namespace larder {

/// Evicts newcomers that were not used twice first, and of the rest who has not been used for a round. A
/// replacement is a use; a larger one is stored anew.
struct s3_fifo {
  using policy_axis = axis::eviction;
  static constexpr bool replacement_is_use = true;
  static constexpr bool concurrent_hits = true;
  static constexpr std::uint8_t counted_uses = 3;

  struct state : eviction::links, eviction::use_count {
    bool in_main = false;
  };
  using counted_state = eviction::links;

  template <class States, class Memory = eviction::ghost_memory>
  class order {
   public:
    explicit order(States states) noexcept : states_(states), small_(states), main_(states) {}

    /// A key of this hash is put: fetches what `on_insert` and an eviction for it will wait for.
    void expect(std::uint64_t hash) noexcept {
      ghosts_.prefetch_head(hash);
      if (!small_.empty()) small_.prefetch_neighbours(small_.back());
      if (!main_.empty()) main_.prefetch_neighbours(main_.back());
    }
    void on_insert(slot s, entry_info info) noexcept {
      if (ghosts_.take(info.hash))
        put_in_main(s, 0);
      else
        put_in_small(s);
      fetch_next_victims();
    }
    void on_hit(slot s) noexcept { eviction::count_use(states_, s, counted_uses); }
    void on_erase(slot s) noexcept { take_out(s); }
    void on_evict(slot s, entry_info info) noexcept {
      if (!in_main(s)) {
        ghosts_.advance(size());
        ghosts_.insert(info.hash, ghosts_.newest());
      }
      take_out(s);
    }
    /// The cache is full when it asks, so what is there is its capacity.
    slot victim() noexcept {
      while (size() != 0) {
        const bool from_small = small_size_ != 0 && small_size_ >= size() / small_share;
        const slot s = from_small ? small_.back() : main_.back();
        const std::uint8_t uses = eviction::uses_of(states_, s);
        if (uses < (from_small ? uses_to_stay : 1)) return s;
        take_out(s);
        put_in_main(s, from_small ? 0 : static_cast<std::uint8_t>(uses - 1));
      }
      return no_slot;
    }

    /// Bytes of the ghosts.
    std::size_t memory() const noexcept { return ghosts_.memory(); }

   private:
    static constexpr std::uint8_t uses_to_stay = 2;
    static constexpr std::size_t small_share = 10;

    std::size_t size() const noexcept { return small_size_ + main_size_; }
    bool in_main(slot s) const noexcept {
      if constexpr (eviction::counting_host<States>)
        return states_.flag(s);
      else
        return states_[s].in_main;
    }
    /// Until the next put they will have come.
    void fetch_next_victims() const noexcept {
      if constexpr (requires { states_.prefetch(slot{}); }) {
        if (!small_.empty()) states_.prefetch(small_.back());
        if (!main_.empty()) states_.prefetch(main_.back());
      }
    }
    void put_in_small(slot s) noexcept {
      small_.push_front(s);
      ++small_size_;
    }
    void put_in_main(slot s, std::uint8_t uses) noexcept {
      eviction::set_uses(states_, s, uses);
      if constexpr (eviction::counting_host<States>)
        states_.set_flag(s, true);
      else
        states_[s].in_main = true;
      main_.push_front(s);
      ++main_size_;
    }
    void take_out(slot s) noexcept {
      const bool from_main = in_main(s);
      (from_main ? main_ : small_).erase(s);
      --(from_main ? main_size_ : small_size_);
    }

    [[no_unique_address]] States states_;
    eviction::slot_list<States> small_;
    eviction::slot_list<States> main_;
    std::size_t small_size_ = 0;
    std::size_t main_size_ = 0;
    eviction::ghost_ring<Memory> ghosts_;  // by the numbers of evictions from the small queue
  };
};

static_assert(sizeof(s3_fifo::state) == 12);

}  // namespace larder
