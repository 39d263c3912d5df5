#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace larder::sync {

/// Notices, per stripe of keys, whether writes overlapped something: what several tiers hold of one key is made consistent
/// afterwards instead of holding a lock over slow storages. Two counters per stripe; nothing ever waits.
class write_epochs {
  struct alignas(64) stripe {
    std::atomic<std::uint64_t> begun{0};
    std::atomic<std::uint64_t> ended{0};
  };

 public:
  /// A write to several tiers. `alone()`, asked at its end, says whether no other write to the stripe overlapped it.
  class write {
   public:
    write(write_epochs& epochs, std::uint64_t hash) noexcept
        : stripe_(epochs.stripe_of(hash)), ticket_(stripe_.begun.fetch_add(1)), first_(stripe_.ended.load() == ticket_) {}
    write(const write&) = delete;
    write& operator=(const write&) = delete;
    ~write() { stripe_.ended.fetch_add(1); }
    bool alone() const noexcept { return first_ && stripe_.begun.load() == ticket_ + 1; }

   private:
    stripe& stripe_;
    std::uint64_t ticket_;
    bool first_;  // those that began before had ended
  };

  /// A write to all stripes.
  class whole_write {
   public:
    explicit whole_write(write_epochs& epochs) noexcept : epochs_(epochs) {
      for (stripe& s : epochs_.stripes_) s.begun.fetch_add(1);
    }
    whole_write(const whole_write&) = delete;
    whole_write& operator=(const whole_write&) = delete;
    ~whole_write() {
      for (stripe& s : epochs_.stripes_) s.ended.fetch_add(1);
    }

   private:
    write_epochs& epochs_;
  };
  whole_write write_all() noexcept { return whole_write(*this); }

  /// A moment before a read. `undisturbed()` says whether no write was under way then or has begun since.
  class read {
   public:
    read(const write_epochs& epochs, std::uint64_t hash) noexcept
        : stripe_(epochs.stripe_of(hash)), ended_(stripe_.ended.load()), begun_(stripe_.begun.load()) {}
    bool undisturbed() const noexcept { return begun_ == ended_ && stripe_.begun.load() == begun_; }
    /// Whether every write that was under way then has ended, as far as it can be told: no write may be under way now.
    bool settled() const noexcept {
      const std::uint64_t ended = stripe_.ended.load();
      return begun_ == ended_ || stripe_.begun.load() == ended;
    }

   private:
    const stripe& stripe_;
    std::uint64_t ended_;
    std::uint64_t begun_;
  };

 private:
  stripe& stripe_of(std::uint64_t hash) noexcept { return stripes_[hash % stripes_.size()]; }
  const stripe& stripe_of(std::uint64_t hash) const noexcept { return stripes_[hash % stripes_.size()]; }

  std::array<stripe, 64> stripes_;
};

}  // namespace larder::sync
