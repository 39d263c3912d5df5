#pragma once

#include <larder/core/slot.hpp>
#include <larder/eviction/ghost_memory.hpp>
#include <larder/eviction/two_queues.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace larder::eviction {

/// What `two_queues` under one rule would hit: a cache of 32-bit hashes without values. 32 to 48 bytes per entry. Nothing throws:
/// without memory it holds fewer entries than it might.
template <class Memory = ghost_memory>
class shadow_cache {
 public:
  explicit shadow_cache(const queue_rule& rule) noexcept : queues_(places{this}, rule) {}
  shadow_cache(const shadow_cache&) = delete;
  shadow_cache& operator=(const shadow_cache&) = delete;

  std::size_t size() const noexcept { return queues_.size(); }
  std::size_t memory() const noexcept {
    return capacity_ * (sizeof(place) + index_per_place * sizeof(std::uint32_t)) + queues_.memory();
  }

  /// Whether it is there; put in if not, with `room` entries to hold it and the others.
  bool request(std::uint32_t print, std::size_t room) noexcept {
    if (const slot found = find(print); found != no_slot) {
      place& used = places_[found];
      if (used.used < queues::most_uses) ++used.used;
      return true;
    }
    while (size() != 0 && size() >= room) evict();
    if (free_ == no_slot && !add_places()) {
      if (size() == 0) return false;
      evict();
    }
    const slot s = free_;
    free_ = places_[s].next;
    places_[s] = place{no_slot, no_slot, print, 0, 0, false};
    put_in_index(s);
    queues_.on_insert(s, mixed(print));
    return false;
  }

  /// Drops all but those whose hash has none of these bits.
  void keep_without(std::uint32_t bits) noexcept {
    for (slot s = 0; s < capacity_; ++s) {
      if ((places_[s].print & bits) == 0 || find(places_[s].print) != s) continue;
      queues_.on_erase(s);
      release(s);
    }
  }

 private:
  /// Free: only `next` counts.
  struct place {
    slot prev;
    slot next;
    std::uint32_t print;
    std::uint16_t stamp;
    std::uint8_t used;
    bool in_main;

    std::uint8_t uses() const noexcept { return used; }
    void set_uses(std::uint8_t n) noexcept { used = n; }
  };
  struct places {
    shadow_cache* owner;
    place& operator[](slot s) const noexcept { return owner->places_[s]; }
  };
  using queues = two_queues<places, Memory>;

  static constexpr std::size_t smallest_capacity = 64;
  static constexpr std::size_t index_per_place = 2;

  /// The sampled hashes have bits in common; those that the ghosts look at must not.
  static std::uint64_t mixed(std::uint32_t print) noexcept {
    std::uint64_t hash = (print + 1U) * 0x9e3779b97f4a7c15ULL;
    hash = (hash ^ hash >> 32U) * 0xd6e8feb86659fd93ULL;
    return hash ^ hash >> 32U;
  }

  // The index: linear probing over slot numbers plus one, at most half full.
  std::size_t index_mask() const noexcept { return capacity_ * index_per_place - 1; }
  std::size_t home(std::uint32_t print) const noexcept { return static_cast<std::size_t>(mixed(print)) & index_mask(); }
  slot find(std::uint32_t print) const noexcept {
    if (capacity_ == 0) return no_slot;
    for (std::size_t at = home(print); index_[at] != 0; at = (at + 1) & index_mask())
      if (places_[index_[at] - 1].print == print) return index_[at] - 1;
    return no_slot;
  }
  void put_in_index(slot s) noexcept {
    std::size_t at = home(places_[s].print);
    while (index_[at] != 0) at = (at + 1) & index_mask();
    index_[at] = s + 1;
  }
  void take_from_index(slot s) noexcept {
    std::size_t hole = home(places_[s].print);
    while (index_[hole] != s + 1) hole = (hole + 1) & index_mask();
    for (std::size_t at = hole;;) {
      at = (at + 1) & index_mask();
      if (index_[at] == 0) break;
      const std::size_t from_home = (at - home(places_[index_[at] - 1].print)) & index_mask();
      if (from_home < ((at - hole) & index_mask())) continue;  // the hole lies before its home
      index_[hole] = index_[at];
      hole = at;
    }
    index_[hole] = 0;
  }

  void evict() noexcept {
    const slot s = queues_.victim();
    queues_.on_evict(s, mixed(places_[s].print));
    release(s);
  }
  void release(slot s) noexcept {
    take_from_index(s);
    places_[s].next = free_;
    free_ = s;
  }

  /// Twice as many, when all are in use.
  bool add_places() noexcept {
    const std::size_t wider = std::max(smallest_capacity, 2 * capacity_);
    auto more_places = make_ghost_array<place, Memory>(wider);
    auto more_index = make_ghost_array<std::uint32_t, Memory>(wider * index_per_place);
    if (!more_places || !more_index) return false;
    std::copy_n(places_.get(), capacity_, more_places.get());
    places_ = std::move(more_places);
    index_ = std::move(more_index);
    const std::size_t before = std::exchange(capacity_, wider);
    for (slot s = 0; s < before; ++s) put_in_index(s);
    for (auto s = static_cast<slot>(wider); s-- > before;) {
      places_[s].next = free_;
      free_ = s;
    }
    return true;
  }

  ghost_array<place, Memory> places_;
  ghost_array<std::uint32_t, Memory> index_;
  std::size_t capacity_ = 0;
  slot free_ = no_slot;
  queues queues_;
};

}  // namespace larder::eviction
