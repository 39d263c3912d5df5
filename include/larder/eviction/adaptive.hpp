#pragma once

// The order that needs no choosing: two FIFO queues, `two_queues`, that behave like LIRS, S3-FIFO, 2Q, LRU or a pinned set,
// whichever would have hit most of late. That is measured, for a sample of the keys, by a small cache without values for each of
// them (Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC construction with SHARDS", FAST 2015, for why a sample by hash tells
// it; Qureshi et al., "Adaptive insertion policies", ISCA 2007, for letting policies compete on one). A change costs nothing at
// once: the entries are the same, and what is in the wrong queue then leaves when its turn comes.
// It begins as LIRS: what is in stays until something is seen to return sooner. That loses least while nothing is known, since
// returns are seen at once, whereas the part of a loop that has left never shows what it was worth.
// A hit raises one counter up to three (nothing is written beyond that) and runs in parallel with others. For keys of the sample,
// about one in capacity / 400, it also goes through the small caches, unless another thread is there. A put that evicts passes
// over used entries, amortised once per use, and touches two or three cache lines of ghosts. 16 bytes per entry, 9 for two ghosts
// of it, and at most 130 KB for the small caches of a shard: from 26,000 entries on within 8 bytes of `s3_fifo`.
// Shares are counted in entries under any limit; sizes do not count (take `gdsf` where they should).
// Choose it where you know nothing about the requests, or where they change.

#include <larder/core/axis.hpp>
#include <larder/core/eviction_report.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/ghost_memory.hpp>
#include <larder/eviction/rule_trial.hpp>
#include <larder/eviction/slot_list.hpp>
#include <larder/eviction/two_queues.hpp>
#include <larder/eviction/use_count.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace larder {

/// Evicts as the policy would that suits the requests best. A replacement is a use; a larger one is stored anew.
struct adaptive {
  using policy_axis = axis::eviction;
  static constexpr bool replacement_is_use = true;
  static constexpr bool concurrent_hits = true;
  static constexpr std::uint8_t counted_uses = 3;
  static constexpr bool hears_of_flagged = true;

  struct queued : eviction::links {
    std::uint32_t print = 0;  // of the hash
    std::uint16_t stamp = 0;
    bool in_main = false;
  };
  using counted_state = queued;
  struct state : queued {
    std::atomic<std::uint8_t> marked_uses{0};
  };

  template <class States, class Memory = eviction::ghost_memory>
  class order {
   public:
    explicit order(States states) noexcept : states_{states}, queues_(states_, trial_.rule()) {}

    void on_insert(slot s, entry_info info) noexcept {
      const std::uint32_t print = print_of(info.hash);
      states_[s].print = print;
      if (trial_.samples(print)) {
        states_.set_sampled(s, true);
        trial_.on_miss(print, queues_.capacity());
      }
      queues_.follow(trial_.rule());
      queues_.on_insert(s, info.hash);
    }
    void on_hit(slot s) noexcept {
      if (!states_.use(s)) return;
      if (trial_.samples(states_[s].print))
        trial_.on_hit(states_[s].print);
      else
        states_.set_sampled(s, false);  // the sample has shrunk since it came
    }
    void on_erase(slot s) noexcept { queues_.on_erase(s); }
    void on_evict(slot s, entry_info info) noexcept { queues_.on_evict(s, info.hash); }
    slot victim() noexcept {
      queues_.follow(trial_.rule());
      return queues_.victim();
    }

    /// What it currently does, and why.
    eviction_report describe() const { return trial_.report(); }

    /// Bytes of the ghosts and of the small caches.
    std::size_t memory() const noexcept { return queues_.memory() + trial_.memory(); }

   private:
    /// The states with the uses and the mark of sampled keys, in a byte of theirs or at the host.
    struct marked_states {
      static constexpr bool counted = eviction::counting_host<States>;
      static constexpr std::uint8_t sampled_bit = 0x80;
      [[no_unique_address]] States states;

      auto& operator[](slot s) const noexcept { return states[s]; }
      std::uint8_t uses(slot s) const noexcept {
        if constexpr (counted)
          return states.uses(s);
        else
          return static_cast<std::uint8_t>(marked_uses(s).load(std::memory_order_relaxed) & ~sampled_bit);
      }
      void set_uses(slot s, std::uint8_t n) const noexcept {
        if constexpr (counted)
          states.set_uses(s, n);
        else
          set(s, marked_uses(s).load(std::memory_order_relaxed) & sampled_bit, n);
      }
      void set_sampled(slot s, bool sampled) const noexcept {
        if constexpr (counted)
          states.set_flag(s, sampled);
        else
          set(s, sampled ? sampled_bit : 0, uses(s));
      }
      /// Counts a use, unless the host does, and says whether the key may be sampled.
      bool use(slot s) const noexcept {
        if constexpr (counted) {
          return states.flag(s);
        } else {
          const std::uint8_t before = marked_uses(s).load(std::memory_order_relaxed);
          if (before == queues::most_uses) return false;
          if ((before & ~sampled_bit) != queues::most_uses)
            marked_uses(s).store(static_cast<std::uint8_t>(before + 1), std::memory_order_relaxed);
          return before >= sampled_bit;
        }
      }

     private:
      std::atomic<std::uint8_t>& marked_uses(slot s) const noexcept { return states[s].marked_uses; }
      void set(slot s, int mark, std::uint8_t n) const noexcept {
        marked_uses(s).store(static_cast<std::uint8_t>(mark | n), std::memory_order_relaxed);
      }
    };
    using queues = eviction::two_queues<marked_states, Memory>;

    /// Not the bits themselves: a hash of zero, as weak hashers have for popular keys, would be in every sample.
    static std::uint32_t print_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32) ^ 0x9e3779b9U; }

    [[no_unique_address]] marked_states states_;
    eviction::rule_trial<Memory> trial_;
    queues queues_;
  };
};

static_assert(sizeof(adaptive::state) == 16);

}  // namespace larder
