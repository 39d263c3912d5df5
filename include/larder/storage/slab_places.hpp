#pragma once

#include <larder/core/concepts.hpp>
#include <larder/core/slot.hpp>
#include <larder/storage/slot_index.hpp>
#include <larder/storage/slot_slab.hpp>
#include <larder/storage/table_entry.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace larder::storage {

/// Where a shard's entries are when they are large or their number has no limit: in a slab, found through an index of slot
/// numbers. Grows without moving an entry; a hit touches a line of the index and those of the entry.
template <class Spec>
class slab_places {
 public:
  using key = typename Spec::key;
  using key_view = typename Spec::key_view;
  using payload = typename Spec::payload;
  using entry = table_entry<Spec>;
  using states = order_states<slot_slab<entry>>;
  static constexpr bool counts_uses = false;
  static constexpr bool rations_uses = false;
  static constexpr bool tells_of_flagged = false;
  static constexpr bool concurrent_reads = false;

  slab_places(const Spec&, std::size_t expected) : index_(expected), slab_(expected) {}
  slab_places(const slab_places&) = delete;
  slab_places& operator=(const slab_places&) = delete;
  ~slab_places() {
    index_.for_each([&](slot place) { slab_.destroy(place); });
  }

  /// The way to an entry that was found.
  using cursor = slot;
  static constexpr cursor nowhere = no_slot;
  cursor locate(const key_view& k, std::uint64_t hash) const {
    return index_.find(hash, [&](slot place) { return slab_[place].key == k; });
  }
  static bool found(cursor at) noexcept { return at != no_slot; }
  static slot slot_of(cursor at) noexcept { return at; }
  entry& operator[](slot place) noexcept { return slab_[place]; }
  const entry& operator[](slot place) const noexcept { return slab_[place]; }
  entry& at(cursor at) noexcept { return slab_[at]; }

  /// Room for so many, while there is none.
  void reserve(std::size_t entries) { index_.reserve(entries); }
  void prefetch_insertion(std::uint64_t hash) const noexcept { index_.prefetch(hash); }

  /// Makes an entry that is not there; `describe(entry)` sets its stamps. Nothing changes when something throws.
  template <class Describe>
  slot emplace(std::uint64_t hash, key&& k, payload&& value, Describe&& describe) {
    const slot place = slab_.emplace(std::move(k), std::move(value), hash);
    try {
      index_.insert(hash, place);
    } catch (...) {
      slab_.destroy(place);
      throw;
    }
    describe(slab_[place]);
    return place;
  }
  void erase(slot place, std::uint64_t hash) noexcept {
    index_.erase(hash, place);
    slab_.destroy(place);
  }
  template <class F>
  void change(slot place, F&& f) {
    f(slab_[place]);
  }

  std::uint64_t hash_of(slot place) const noexcept {
    if constexpr (key_is_hash)
      return slab_[place].key;
    else
      return slab_[place].hash;
  }
  void renew_state(slot place) noexcept { slab_[place].renew_state(); }
  states order_states_handle() noexcept { return states(slab_); }

  template <class F>
  void for_each(F&& f) const {
    index_.for_each(f);
  }
  std::size_t size() const noexcept { return index_.size(); }
  std::size_t memory() const noexcept { return index_.memory() + slab_.memory(); }

 private:
  static constexpr bool key_is_hash = requires { requires Spec::key_is_hash; };

  std::conditional_t<key_is_hash, close_slot_index, slot_index> index_;
  slot_slab<entry> slab_;
};

}  // namespace larder::storage
