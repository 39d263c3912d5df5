#pragma once

#include <larder/core/linear_probing.hpp>
#include <larder/core/mix.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/ghost_memory.hpp>
#include <larder/eviction/two_queues.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace larder::eviction {

/// What `two_queues` would hit under each of n rules: n caches of 32-bit hashes without values. They share their entries, so a
/// request for what all of them hold touches two places in memory. Of five: 67 to 70 bytes for each hash that any of them holds, and 45
/// for the ghosts of each place. Nothing throws: without memory they hold fewer.
template <std::size_t n, class Memory = ghost_memory>
class shadow_caches {
 public:
  using hit_set = std::uint32_t;
  static_assert(n < 32);

  /// The rules must live as long as the caches.
  explicit shadow_caches(const std::array<queue_rule, n>& rules) noexcept : shadow_caches(rules, std::make_index_sequence<n>{}) {}
  shadow_caches(const shadow_caches&) = delete;
  shadow_caches& operator=(const shadow_caches&) = delete;

  std::size_t size(std::size_t i) const noexcept { return queues_[i].size(); }
  std::size_t memory() const noexcept {
    std::size_t sum = capacity_ * sizeof(entry) + index_size_ * sizeof(index_[0]);
    for (const queues& each : queues_) sum += each.memory();
    return sum;
  }

  /// The caches that have it; it is put into the others, each with `room` entries for it and the rest.
  hit_set request(std::uint32_t print, std::size_t room) noexcept {
    slot s = find(print);
    const hit_set hits = s == no_slot ? 0 : use(s);
    if (hits == everyone) return hits;
    for (std::size_t i = 0; i < n; ++i)
      while (!contains(hits, i) && queues_[i].size() != 0 && queues_[i].size() >= room) evict(i);
    if (s == no_slot) s = fresh(print);
    if (s == no_slot) return hits;
    for (std::size_t i = 0; i < n; ++i) {
      if (contains(hits, i)) continue;
      entries_[s].in[i] = place{no_slot, no_slot, 0, place::present_bit, false};
      queues_[i].on_insert(s, mixed(print));
    }
    return hits;
  }

  /// Drops all but those whose hash has none of these bits.
  void keep_without(std::uint32_t bits) noexcept {
    for (slot s = 0; s < capacity_; ++s) {
      if ((entries_[s].print & bits) == 0) continue;
      for (std::size_t i = 0; i < n; ++i)
        if (entries_[s].in[i].present()) take_out(s, i, [](queues& from, slot gone) { from.on_erase(gone); });
    }
  }

 private:
  /// Of one cache.
  struct place {
    static constexpr std::uint8_t present_bit = 0x80;
    slot prev;
    slot next;
    std::uint16_t stamp;
    std::uint8_t marked_uses;
    bool in_main;

    bool present() const noexcept { return marked_uses >= present_bit; }
    std::uint8_t uses() const noexcept { return static_cast<std::uint8_t>(marked_uses & ~present_bit); }
    void set_uses(std::uint8_t uses) noexcept { marked_uses = static_cast<std::uint8_t>(present_bit | uses); }
  };
  /// Free when in none; then the first `next` is that of the free list.
  struct entry {
    std::array<place, n> in;
    std::uint32_t print;
  };
  struct places {
    shadow_caches* owner;
    std::size_t cache;
    place& operator[](slot s) const noexcept { return owner->entries_[s].in[cache]; }
    std::uint8_t uses(slot s) const noexcept { return (*this)[s].uses(); }
    void set_uses(slot s, std::uint8_t uses) const noexcept { (*this)[s].set_uses(uses); }
  };
  using queues = two_queues<places, Memory>;

  static constexpr hit_set everyone = (hit_set{1} << n) - 1;
  static constexpr std::size_t smallest_capacity = 64;
  static constexpr std::size_t largest_capacity = 0xffff;  // the index has 16 bits for each

  template <std::size_t... i>
  shadow_caches(const std::array<queue_rule, n>& rules, std::index_sequence<i...>) noexcept
      : queues_{{queues(places{this, i}, rules[i])...}} {}

  static bool contains(hit_set set, std::size_t i) noexcept { return (set >> i & 1U) != 0; }

  /// Sampled hashes have bits in common; those that index and ghosts look at must not.
  static std::uint64_t mixed(std::uint32_t print) noexcept { return core::mix(print + std::uint64_t{1}); }

  hit_set use(slot s) noexcept {
    hit_set hits = 0;
    for (std::size_t i = 0; i < n; ++i) {
      place& at = entries_[s].in[i];
      if (!at.present()) continue;
      hits |= hit_set{1} << i;
      if (at.uses() < queues::most_uses) ++at.marked_uses;
    }
    return hits;
  }

  void evict(std::size_t i) noexcept {
    const std::uint64_t hash = mixed(entries_[queues_[i].victim()].print);
    take_out(queues_[i].victim(), i, [hash](queues& from, slot gone) { from.on_evict(gone, hash); });
  }
  template <class Leave>
  void take_out(slot s, std::size_t i, const Leave& leave) noexcept {
    leave(queues_[i], s);
    entry& left = entries_[s];
    left.in[i].marked_uses = 0;
    if (std::any_of(left.in.begin(), left.in.end(), [](const place& at) { return at.present(); })) return;
    take_from_index(s);
    left.in[0].next = free_;
    free_ = s;
  }

  slot fresh(std::uint32_t print) noexcept {
    if (free_ == no_slot && !add_entries())
      for (std::size_t i = 0; i < n; ++i)
        while (free_ == no_slot && queues_[i].size() != 0) evict(i);
    if (free_ == no_slot) return no_slot;
    const slot s = free_;
    free_ = entries_[s].in[0].next;
    entries_[s].print = print;
    put_in_index(s);
    return s;
  }

  // The index: linear probing over slot numbers plus one, at most two thirds full.
  std::size_t index_mask() const noexcept { return index_size_ - 1; }
  std::size_t home(std::uint32_t print) const noexcept { return static_cast<std::size_t>(mixed(print)) & index_mask(); }
  slot find(std::uint32_t print) const noexcept {
    if (capacity_ == 0) return no_slot;
    for (std::size_t at = home(print); index_[at] != 0; at = (at + 1) & index_mask())
      if (entries_[index_[at] - 1].print == print) return index_[at] - 1U;
    return no_slot;
  }
  void put_in_index(slot s) noexcept {
    std::size_t at = home(entries_[s].print);
    while (index_[at] != 0) at = (at + 1) & index_mask();
    index_[at] = static_cast<std::uint16_t>(s + 1);
  }
  void take_from_index(slot s) noexcept {
    std::size_t at = home(entries_[s].print);
    while (index_[at] != s + 1) at = (at + 1) & index_mask();
    core::free_cell(index_, at, index_mask(), std::uint16_t{0}, [this](std::uint16_t number) { return home(entries_[number - 1].print); });
  }

  /// A quarter more, when all are in use.
  bool add_entries() noexcept {
    const std::size_t wider = std::min(std::max(smallest_capacity, capacity_ + capacity_ / 4), largest_capacity);
    if (wider == capacity_) return false;
    const std::size_t wider_index = std::bit_ceil(wider + wider / 2);
    auto more_entries = make_ghost_array<entry, Memory>(wider);
    auto more_index = make_ghost_array<std::uint16_t, Memory>(wider_index);
    if (!more_entries || !more_index) return false;
    std::copy_n(entries_.get(), capacity_, more_entries.get());
    entries_ = std::move(more_entries);
    index_ = std::move(more_index);
    index_size_ = wider_index;
    const std::size_t before = std::exchange(capacity_, wider);
    for (slot s = 0; s < before; ++s) put_in_index(s);
    for (auto s = static_cast<slot>(wider); s-- > before;) {
      entries_[s].in[0].next = free_;
      free_ = s;
    }
    return true;
  }

  ghost_array<entry, Memory> entries_;
  ghost_array<std::uint16_t, Memory> index_;
  std::size_t index_size_ = 0;
  std::size_t capacity_ = 0;
  slot free_ = no_slot;
  std::array<queues, n> queues_;
};

}  // namespace larder::eviction
