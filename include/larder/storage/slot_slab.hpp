#pragma once

#include <larder/core/error.hpp>
#include <larder/core/slot.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace larder::storage {

/// Places for entries that never move. The first chunk holds the expected number and is allocated at once; beyond it the
/// slab grows by chunks of the same size. Places are used again, last freed first. Destroys nothing by itself.
template <class Entry>
class slot_slab {
 public:
  explicit slot_slab(std::size_t expected = 0)
      : shift_(static_cast<unsigned>(std::countr_zero(std::bit_ceil(std::clamp<std::size_t>(expected, smallest_chunk, largest_chunk))))) {
    if (expected != 0) add_chunk();
  }
  slot_slab(slot_slab&&) noexcept = default;

  Entry& operator[](slot s) noexcept { return *std::launder(reinterpret_cast<Entry*>(place(s))); }
  const Entry& operator[](slot s) const noexcept { return const_cast<slot_slab&>(*this)[s]; }

  /// Makes an entry in a free place.
  template <class... Arguments>
  slot emplace(Arguments&&... arguments) {
    const bool fresh = free_ == no_slot;
    if (fresh && (fresh_ >> shift_) == chunks_.size()) add_chunk();
    const slot s = fresh ? fresh_ : free_;
    slot next_free = no_slot;
    if (!fresh) std::memcpy(&next_free, place(s), sizeof(slot));
    try {
      ::new (place(s)) Entry(std::forward<Arguments>(arguments)...);
    } catch (...) {  // the place is still free, but its link may be overwritten
      if (!fresh) std::memcpy(place(s), &next_free, sizeof(slot));
      throw;
    }
    if (fresh)
      ++fresh_;
    else
      free_ = next_free;
    return s;
  }

  void destroy(slot s) noexcept {
    (*this)[s].~Entry();
    std::memcpy(place(s), &free_, sizeof(slot));
    free_ = s;
  }

  std::size_t memory() const noexcept { return (chunks_.size() << shift_) * sizeof(raw); }

 private:
  static constexpr std::size_t smallest_chunk = 64;
  static constexpr std::size_t largest_chunk = std::size_t{1} << 22;

  struct raw {
    alignas(std::max(alignof(Entry), alignof(slot))) std::byte of[std::max(sizeof(Entry), sizeof(slot))];
  };

  void* place(slot s) noexcept { return chunks_[s >> shift_][s & ((slot{1} << shift_) - 1)].of; }

  void add_chunk() {
    if ((static_cast<std::uint64_t>(chunks_.size() + 1) << shift_) > no_slot)
      core::fail(error_cause::no_space, "a shard holds at most 2^32 - 1 entries; name sharded<N> with a larger N");
    chunks_.push_back(std::make_unique_for_overwrite<raw[]>(std::size_t{1} << shift_));
  }

  std::vector<std::unique_ptr<raw[]>> chunks_;
  unsigned shift_;
  slot fresh_ = 0;
  slot free_ = no_slot;
};

}  // namespace larder::storage
