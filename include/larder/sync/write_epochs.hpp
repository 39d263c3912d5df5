#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace larder::sync {

/// Notices, per stripe of keys, whether changes overlapped something: what several tiers hold of one key is made consistent
/// afterwards instead of holding a lock over slow storages. Four counters per stripe; nothing ever waits.
class write_epochs {
  struct counts {
    std::atomic<std::uint64_t> begun{0};
    std::atomic<std::uint64_t> ended{0};
  };
  struct alignas(64) stripe {
    counts changes;
    counts landings;
  };

 public:
  /// A change of a key in several tiers by a caller. `alone()`, asked at its end, says whether nothing else in the stripe overlapped it.
  class change {
   public:
    change(write_epochs& epochs, std::uint64_t hash) noexcept
        : stripe_(epochs.stripe_of(hash)),
          ticket_(stripe_.changes.begun.fetch_add(1)),
          landed_(stripe_.landings.ended.load()),
          first_(stripe_.changes.ended.load() == ticket_) {}
    change(const change&) = delete;
    change& operator=(const change&) = delete;
    ~change() { stripe_.changes.ended.fetch_add(1); }
    bool alone() const noexcept {
      return first_ && stripe_.changes.begun.load() == ticket_ + 1 && stripe_.landings.begun.load() == landed_;
    }

   private:
    stripe& stripe_;
    std::uint64_t ticket_;
    std::uint64_t landed_;  // a landing that was under way has begun and not ended
    bool first_;            // those that began before had ended
  };

  /// The store of what a load brought. `alone()`, asked at its end, says whether no change of the stripe overlapped it: other landings are
  /// no matter, as a key has one at a time, in its flight.
  class landing {
   public:
    landing(write_epochs& epochs, std::uint64_t hash) noexcept : stripe_(epochs.stripe_of(hash)) {
      stripe_.landings.begun.fetch_add(1);
      changed_ = stripe_.changes.ended.load();
    }
    landing(const landing&) = delete;
    landing& operator=(const landing&) = delete;
    ~landing() { stripe_.landings.ended.fetch_add(1); }
    bool alone() const noexcept { return stripe_.changes.begun.load() == changed_; }

   private:
    stripe& stripe_;
    std::uint64_t changed_;
  };

  /// A change of all stripes.
  class whole_change {
   public:
    explicit whole_change(write_epochs& epochs) noexcept : epochs_(epochs) {
      for (stripe& s : epochs_.stripes_) s.changes.begun.fetch_add(1);
    }
    whole_change(const whole_change&) = delete;
    whole_change& operator=(const whole_change&) = delete;
    ~whole_change() {
      for (stripe& s : epochs_.stripes_) s.changes.ended.fetch_add(1);
    }

   private:
    write_epochs& epochs_;
  };
  whole_change change_all() noexcept { return whole_change(*this); }

  /// A moment before a read by the leader of a key's flight. `undisturbed()` says whether no change was under way then or has begun
  /// since; landings are those of other keys.
  class read {
   public:
    read(const write_epochs& epochs, std::uint64_t hash) noexcept
        : changes_(epochs.stripe_of(hash).changes), ended_(changes_.ended.load()), begun_(changes_.begun.load()) {}
    bool undisturbed() const noexcept { return begun_ == ended_ && changes_.begun.load() == begun_; }
    /// Whether every change that was under way then has ended, as far as it can be told: none may be under way now.
    bool settled() const noexcept {
      const std::uint64_t ended = changes_.ended.load();
      return begun_ == ended_ || changes_.begun.load() == ended;
    }

   private:
    const counts& changes_;
    std::uint64_t ended_;
    std::uint64_t begun_;
  };

 private:
  stripe& stripe_of(std::uint64_t hash) noexcept { return stripes_[hash % stripes_.size()]; }
  const stripe& stripe_of(std::uint64_t hash) const noexcept { return stripes_[hash % stripes_.size()]; }

  std::array<stripe, 64> stripes_;
};

}  // namespace larder::sync
