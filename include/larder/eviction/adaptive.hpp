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

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace larder {

/// Evicts as the policy would that suits the requests best. A replacement is stored anew.
struct adaptive {
  using policy_axis = axis::eviction;
  static constexpr bool concurrent_hits = true;

  struct state : eviction::links {
    static constexpr std::uint8_t sampled_bit = 0x80;
    std::uint32_t print = 0;  // of the hash
    std::uint16_t stamp = 0;
    std::atomic<std::uint8_t> marked_uses{0};
    bool in_main = false;

    std::uint8_t uses() const noexcept {
      return static_cast<std::uint8_t>(marked_uses.load(std::memory_order_relaxed) & ~sampled_bit);
    }
    void set_uses(std::uint8_t n) noexcept {
      const auto mark = static_cast<std::uint8_t>(marked_uses.load(std::memory_order_relaxed) & sampled_bit);
      marked_uses.store(static_cast<std::uint8_t>(mark | n), std::memory_order_relaxed);
    }
  };

  template <class States, class Memory = eviction::ghost_memory>
  class order {
   public:
    explicit order(States states) noexcept : states_(states), queues_(states, trial_.rule()) {}

    void on_insert(slot s, entry_info info) noexcept {
      state& entry = states_[s];
      entry.print = print_of(info.hash);
      if (trial_.samples(entry.print)) {
        entry.marked_uses.store(state::sampled_bit, std::memory_order_relaxed);
        trial_.on_miss(entry.print, queues_.capacity());
      }
      queues_.follow(trial_.rule());
      queues_.on_insert(s, info.hash);
    }
    void on_hit(slot s) noexcept {
      state& entry = states_[s];
      const std::uint8_t before = entry.marked_uses.load(std::memory_order_relaxed);
      if (before == queues::most_uses) return;
      const bool sampled = before >= state::sampled_bit && trial_.samples(entry.print);  // the sample may have shrunk since
      const auto uses = std::min<std::uint8_t>(static_cast<std::uint8_t>((before & ~state::sampled_bit) + 1), queues::most_uses);
      const auto after = static_cast<std::uint8_t>(sampled ? state::sampled_bit | uses : uses);
      if (after != before) entry.marked_uses.store(after, std::memory_order_relaxed);
      if (sampled) trial_.on_hit(entry.print);
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
    using queues = eviction::two_queues<States, Memory>;

    /// Not the bits themselves: a hash of zero, as weak hashers have for popular keys, would be in every sample.
    static std::uint32_t print_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32) ^ 0x9e3779b9U; }

    [[no_unique_address]] States states_;
    eviction::rule_trial<Memory> trial_;
    queues queues_;
  };
};

static_assert(sizeof(adaptive::state) == 16);

}  // namespace larder
