#pragma once

#include <larder/core/slot.hpp>
#include <larder/eviction/ghost_memory.hpp>
#include <larder/eviction/slot_list.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace larder::eviction {

/// Two lists of hashes of entries that left, each in the order of coming, found by hash: 20 bytes per hash.
/// Kept are 31 bits of a hash (the upper ones: shards are chosen by the lower), so among n hashes a stranger is taken for one
/// of them with a probability of n / 2^31. Chained hashing that grows by one bucket with each new place (linear hashing), in
/// chunks: nothing is ever copied, and nothing given back. Without memory a hash is not taken in; nothing throws.
template <class Memory = ghost_memory>
class ghost_lists {
 public:
  using place = std::uint32_t;
  static constexpr place nowhere = no_slot;

  ghost_lists() noexcept : lists_{slot_list<places>{places{this}}, slot_list<places>{places{this}}} {}
  ghost_lists(const ghost_lists&) = delete;
  ghost_lists& operator=(const ghost_lists&) = delete;

  std::size_t size(bool second) const noexcept { return sizes_[second]; }
  std::size_t memory() const noexcept { return capacity_ * sizeof(ghost); }

  place find(std::uint64_t hash) noexcept {
    if (used_ == 0) return nowhere;
    const std::uint32_t print = fingerprint(hash);
    place at = at_place(bucket(print)).bucket;
    while (at != nowhere && at_place(at).print != print) at = at_place(at).chain;
    return at;
  }
  bool in_second(place at) noexcept { return at_place(at).second != 0; }

  /// Adds a hash that is in neither list, as the newest of one.
  void push(bool second, std::uint64_t hash) noexcept {
    const place at = free_ != nowhere ? free_ : fresh();
    if (at == nowhere) return;
    ghost& added = at_place(at);
    if (at == free_) free_ = added.chain;
    added.print = fingerprint(hash) & all_of_print;
    added.second = second;
    place& bucket_of_it = at_place(bucket(added.print)).bucket;
    added.chain = bucket_of_it;
    bucket_of_it = at;
    lists_[second].push_front(at);
    ++sizes_[second];
  }

  void erase(place at) noexcept {
    ghost& erased = at_place(at);
    place* link = &at_place(bucket(erased.print)).bucket;
    while (*link != at) link = &at_place(*link).chain;
    *link = erased.chain;
    lists_[erased.second].erase(at);
    --sizes_[erased.second];
    erased.chain = free_;
    free_ = at;
  }
  void erase_oldest(bool second) noexcept { erase(lists_[second].back()); }

 private:
  static constexpr std::uint32_t all_of_print = ~std::uint32_t{0} >> 1;
  static constexpr std::uint32_t smallest_chunk = 64;
  static constexpr std::uint32_t largest_chunk = 1U << 16;
  static constexpr std::uint32_t most_places = 1U << 31;

  /// A hash, and the head of the chain of the bucket with the same number.
  struct ghost {
    place prev;
    place next;
    std::uint32_t print : 31;
    std::uint32_t second : 1;
    place chain;
    place bucket;
  };
  struct places {
    ghost_lists* owner;
    ghost& operator[](place at) const noexcept { return owner->at_place(at); }
  };

  static std::uint32_t fingerprint(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 33); }

  /// Chunks hold 64, 64, 128, 256 ... places, and from `largest_chunk` on always as many.
  static std::uint32_t chunk_of(place at) noexcept {
    constexpr std::uint32_t doubling = std::bit_width(largest_chunk / smallest_chunk);
    return at < largest_chunk ? static_cast<std::uint32_t>(std::bit_width(at / smallest_chunk))
                              : at / largest_chunk - 1 + doubling;
  }
  static std::uint32_t size_of(std::uint32_t chunk) noexcept {
    return chunk == 0 ? smallest_chunk : chunk < chunk_of(largest_chunk) ? smallest_chunk << (chunk - 1) : largest_chunk;
  }
  /// The size of a chunk divides the number of its first place.
  ghost& at_place(place at) noexcept {
    const std::uint32_t chunk = chunk_of(at);
    return chunks_[chunk][at & (size_of(chunk) - 1)];
  }

  std::uint32_t bucket(std::uint32_t print) const noexcept {
    const std::uint32_t mask = ~std::uint32_t{0} >> std::countl_zero(used_);
    const std::uint32_t number = print & mask;
    return number < used_ ? number : number & (mask >> 1);
  }

  /// A place never used before, and with it a bucket, which takes its share of another's chain.
  place fresh() noexcept {
    const place at = used_;
    if (at == capacity_ && !add_chunk()) return nowhere;
    at_place(at).bucket = nowhere;
    ++used_;
    if (at == 0) return at;
    place* link = &at_place(at ^ std::bit_floor(at)).bucket;
    while (*link != nowhere) {
      ghost& each = at_place(*link);
      if (bucket(each.print) != at) {
        link = &each.chain;
        continue;
      }
      const place moved = *link;
      *link = each.chain;
      each.chain = at_place(at).bucket;
      at_place(at).bucket = moved;
    }
    return at;
  }

  bool add_chunk() noexcept {
    const std::uint32_t size = size_of(static_cast<std::uint32_t>(chunks_.size()));
    if (capacity_ > most_places - size) return false;
    auto chunk = make_ghost_array<ghost, Memory>(size);
    if (!chunk) return false;
    try {
      chunks_.push_back(std::move(chunk));
    } catch (...) {
      return false;
    }
    capacity_ += size;
    return true;
  }

  std::vector<ghost_array<ghost, Memory>> chunks_;
  std::uint32_t capacity_ = 0;
  std::uint32_t used_ = 0;
  place free_ = nowhere;
  std::array<slot_list<places>, 2> lists_;
  std::array<std::size_t, 2> sizes_{};
};

}  // namespace larder::eviction
