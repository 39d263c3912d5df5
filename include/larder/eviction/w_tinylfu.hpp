#pragma once

// W-TinyLFU (Einziger, Friedman, Manes, "TinyLFU: A highly efficient cache admission policy", ACM Transactions on Storage 13,
// 2017). Newcomers go to a window, an LRU list of 1 % of the entries, at least one. What falls out of the window has to have
// been wanted more often of late than the next victim of the main part, or it leaves itself. The main part is a segmented LRU
// list: on probation until used there, then protected (80 % of it). How often a key was wanted, also while it was not in, is
// told by a `frequency_sketch`: each hit and each store counts, all counts are halved after ten per entry, no doorkeeper.
// An equal newcomer loses; one that was wanted more than five times wins once in 128 all the same, so that nobody can hold the
// cache by making colliding keys popular.
// The window is what suits use by recency, the main part what suits use by popularity. So the window's share moves by hill
// climbing (Einziger, Eytan, Friedman, Manes, "Adaptive software cache management", Middleware 2018): every ten requests per
// entry, 2000 at least, by 6.25 % of the entries, each time 2 % less, on while hits become more and back when they become fewer.
// Where popularity never changes the climbing costs 0.003 to 0.013 of the hit ratio; on 33 cases of real traces it gained 0.016 on average.
// A hit moves one list node and counts in one cache line of the sketch (under the shard's exclusive lock). 12 bytes per entry
// and 8 to 16 for the sketch, which grows with the entries; without memory for that it goes on with the one it has.
// Choose it for skewed use that changes slowly, with keys in between that are wanted once. Shares are of the number of entries,
// under a budget of bytes too: which entries are wanted does not depend on their sizes here, so bytes divide alike, and no
// weight has to be kept (take `gdsf` where sizes should count).

#include <larder/core/axis.hpp>
#include <larder/core/mix.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/frequency_sketch.hpp>
#include <larder/eviction/slot_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace larder {

/// Evicts the less often wanted of two: the oldest of the newcomers, or the least recently used of those on probation. A
/// replacement is a use; a larger one is stored anew.
struct w_tinylfu {
  using policy_axis = axis::eviction;
  static constexpr bool replacement_is_use = true;
  static constexpr std::uint8_t rationed_uses = 7;

  bool fixed_window = false;  ///< 1 % of the entries for good, as in the paper of 2017

  struct state : eviction::links {
    std::uint32_t tag = 0;  // 30 bits of the hash, then the part
  };

  template <class States>
  class order {
   public:
    order(const w_tinylfu& policy, States states) noexcept
        : states_(states), window_(states), probation_(states), protected_(states), fixed_window_(policy.fixed_window) {}

    void on_insert(slot s, entry_info info) noexcept {
      states_[s].tag = static_cast<std::uint32_t>(info.hash >> 32U) & key_bits;
      enter(s, part::window);
      sketch_.cover(entries());
      sketch_.count(key(s));
      ++stores_;
      climb();
      balance();
    }
    void prepare_hit(slot s) const noexcept {
      window_.list.prefetch_neighbours(s);  // of whichever list it is in
      sketch_.prefetch(key(s));
    }
    void on_hit(slot s) noexcept { on_hits(s, 1); }
    void on_hits(slot s, std::uint32_t uses) noexcept {
      const part from = part_of(s);
      move(s, from == part::window ? part::window : part::kept);
      sketch_.count(key(s), uses);
      hits_ += uses;
      climb();
      if (from == part::probation) balance();
    }
    void on_erase(slot s) noexcept { leave(s); }
    void on_evict(slot s, entry_info) noexcept {
      leave(s);
      full_ = true;
    }
    slot victim() noexcept {
      const slot newcomer = window_.size < window_limit() ? no_slot : window_.list.back();
      const slot incumbent = probation_.size != 0 ? probation_.list.back() : protected_.list.back();
      if (newcomer == no_slot || incumbent == no_slot) return newcomer == no_slot ? incumbent : newcomer;
      return wins(newcomer, incumbent) ? incumbent : newcomer;
    }

   private:
    enum class part : std::uint32_t { window, probation, kept };  // `protected` is a keyword
    static constexpr std::uint32_t key_bits = ~std::uint32_t{3};
    static constexpr double least_window = 0.01;
    static constexpr double most_window = 0.8;
    static constexpr double first_step = 0.0625;
    static constexpr std::uint64_t fewest_requests = 2000;  // for a hit ratio that is not mere chance
    static constexpr double much = 0.05;  // a change of the hit ratio that makes the steps large again

    struct segment {
      explicit segment(States states) noexcept : list(states) {}
      eviction::slot_list<States> list;
      std::uint32_t size = 0;
    };

    std::uint32_t key(slot s) const noexcept { return states_[s].tag & key_bits; }
    part part_of(slot s) noexcept { return static_cast<part>(states_[s].tag & ~key_bits); }
    segment& segment_of(part p) noexcept { return p == part::window ? window_ : p == part::probation ? probation_ : protected_; }

    std::size_t entries() const noexcept { return std::size_t{window_.size} + probation_.size + protected_.size; }
    std::size_t window_limit() const noexcept {
      return std::max<std::size_t>(static_cast<std::size_t>(static_cast<double>(entries()) * share_), 1);
    }
    std::size_t protected_limit() const noexcept { return (std::size_t{probation_.size} + protected_.size) * 4 / 5; }

    void enter(slot s, part to) noexcept {
      states_[s].tag = key(s) | static_cast<std::uint32_t>(to);
      segment_of(to).list.push_front(s);
      ++segment_of(to).size;
    }
    void leave(slot s) noexcept {
      segment& from = segment_of(part_of(s));
      from.list.erase(s);
      --from.size;
    }
    void move(slot s, part to) noexcept {
      leave(s);
      enter(s, to);
    }

    /// A few entries at a time: after a step of the window many are where they should not be.
    void balance() noexcept {
      for (int i = 0; i < 8 && window_.size > window_limit(); ++i) move(window_.list.back(), part::probation);
      for (int i = 0; i < 8 && protected_.size > protected_limit(); ++i) move(protected_.list.back(), part::probation);
    }

    bool wins(slot newcomer, slot incumbent) noexcept {
      const unsigned wanted = sketch_.estimate(key(newcomer));
      if (wanted > sketch_.estimate(key(incumbent))) return true;
      return wanted > 5 && lucky();
    }
    /// Once in 128, the same until the next store.
    bool lucky() const noexcept { return core::mix(stores_) >> 57U == 0; }

    /// After each request: moves the window's share when it is time to.
    void climb() noexcept {
      const std::uint64_t requests = stores_ + hits_ - since_;
      if (fixed_window_ || requests < std::max<std::uint64_t>(10 * entries(), fewest_requests)) return;
      const double ratio = static_cast<double>(hits_ - hits_since_) / static_cast<double>(requests);
      if (full_ && last_ratio_ >= 0) {
        if (ratio < last_ratio_) step_ = -step_;
        share_ = std::clamp(share_ + step_, least_window, most_window);
        const bool changed = std::max(ratio, last_ratio_) - std::min(ratio, last_ratio_) >= much;
        step_ = !changed ? 0.98 * step_ : step_ < 0 ? -first_step : first_step;
      }
      if (full_) last_ratio_ = ratio;
      since_ = stores_ + hits_;
      hits_since_ = hits_;
    }

    [[no_unique_address]] States states_;
    segment window_;
    segment probation_;
    segment protected_;
    eviction::frequency_sketch<> sketch_;
    std::uint64_t stores_ = 0;
    std::uint64_t hits_ = 0;
    std::uint64_t since_ = 0;       // the requests up to the last look at the hit ratio
    std::uint64_t hits_since_ = 0;  // the hits among them
    double last_ratio_ = -1;        // none yet
    double share_ = least_window;
    double step_ = first_step;
    bool fixed_window_;
    bool full_ = false;  // until something was evicted the window has no effect
  };
};

static_assert(sizeof(w_tinylfu::state) == 12);

}  // namespace larder
