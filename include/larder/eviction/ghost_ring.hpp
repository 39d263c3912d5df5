#pragma once

#include <larder/core/prefetch.hpp>
#include <larder/eviction/ghost_memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace larder::eviction {

/// Hashes of entries that left, by number: those of the last n numbers, each of which stands for one hash or for none. Numbers
/// come one after the other; hashes may be put in later, but in the order of their numbers.
/// A ring of n places and the chains through it of hashes that look alike, newest first: what falls out of the ring ends the
/// chains that reach it, so forgetting costs nothing. 12 bytes per number; of a hash 32 bits are kept (the upper ones: shards
/// are chosen by the lower), so among n a stranger is taken for one of them with a probability of n / 2^32.
/// The ring is made anew, at once, when n has grown by half or shrunk to a quarter. Without memory it forgets; nothing throws.
template <class Memory = ghost_memory>
class ghost_ring {
 public:
  /// The newest number in use; 0 before the first.
  std::uint64_t newest() const noexcept { return newest_; }

  /// Brings the next number into use, without a hash so far, and forgets all but the last `remembered` numbers.
  void advance(std::size_t remembered) noexcept {
    remembered_ = std::clamp<std::size_t>(remembered, 1, largest_size);
    if (size_ != 0) fit();
    ++newest_;
    if (newest_ >= remembered_) oldest_ = std::max(oldest_, newest_ - remembered_ + 1);
    if (size_ == 0) return;
    newest_place_ = newest_place_ + 1 == size_ ? 0 : newest_place_ + 1;
    places_[newest_place_].print = 0;
  }

  /// Puts a hash in under its number.
  void insert(std::uint64_t hash, std::uint64_t number) noexcept {
    if (size_ == 0) fit();
    if (newest_ - number < size_) put(fingerprint(hash), number);
  }

  /// Whether the hash is there with a number not below the floor. Not any more afterwards.
  bool take(std::uint64_t hash, std::uint64_t floor = 0) noexcept {
    floor = std::max(floor, oldest_);
    if (size_ == 0 || floor > newest_) return false;
    const std::uint32_t print = fingerprint(hash);
    const std::uint64_t oldest_age = std::min<std::uint64_t>(newest_ - floor, size_ - 1);
    std::uint64_t age = age_of(heads_[head(print)]);
    while (age <= oldest_age) {
      place& at = place_at(age);
      if (at.print == print) {
        at.print = 0;
        return true;
      }
      const std::uint64_t older = age_of(at.older);
      if (older <= age) break;  // 2^32 numbers ago
      age = older;
    }
    return false;
  }

  /// Asks for the memory where `take` will begin.
  void prefetch_head(std::uint64_t hash) const noexcept {
    if (size_ != 0) core::prefetch(&heads_[head(fingerprint(hash))]);
  }

  std::size_t memory() const noexcept { return size_ * sizeof(place) + heads_count() * sizeof(std::uint32_t); }

 private:
  static constexpr std::size_t smallest_size = 64;
  static constexpr std::size_t largest_size = std::numeric_limits<std::uint32_t>::max() / 4;

  /// A fingerprint of 0 is a number without a hash.
  struct place {
    std::uint32_t print;
    std::uint32_t older;  // the last 32 bits of the number of the next in the chain
  };

  static std::uint32_t fingerprint(std::uint64_t hash) noexcept {
    const auto print = static_cast<std::uint32_t>(hash >> 32);
    return print == 0 ? 1 : print;
  }

  /// As many as places: with half as many a search in vain saw two places instead of one.
  std::size_t heads_count() const noexcept { return size_; }
  std::size_t head(std::uint32_t print) const noexcept {
    return static_cast<std::size_t>((std::uint64_t{print} * heads_count()) >> 32);
  }
  std::uint32_t age_of(std::uint32_t number) const noexcept { return static_cast<std::uint32_t>(newest_) - number; }
  place& place_at(std::uint64_t age) noexcept {
    const auto back = static_cast<std::size_t>(age);
    return places_[newest_place_ >= back ? newest_place_ - back : newest_place_ + size_ - back];
  }

  void put(std::uint32_t print, std::uint64_t number) noexcept {
    std::uint32_t& newest_alike = heads_[head(print)];
    place_at(newest_ - number) = {print, newest_alike};
    newest_alike = static_cast<std::uint32_t>(number);
  }

  void fit() noexcept {
    if (size_ < remembered_)
      resize(std::max({remembered_, size_ + size_ / 2, smallest_size}));
    else if (size_ / 4 > std::max(remembered_, smallest_size))
      resize(std::max(remembered_, smallest_size));
  }

  void resize(std::size_t size) noexcept {
    size = std::min(size, largest_size);
    ghost_ring other;
    other.places_ = make_ghost_array<place, Memory>(size);
    other.heads_ = make_ghost_array<std::uint32_t, Memory>(size);
    if (!other.places_ || !other.heads_) return;
    other.size_ = size;
    other.newest_ = newest_;
    other.oldest_ = oldest_;
    other.remembered_ = remembered_;
    for (std::uint64_t age = std::min(size_, size); age-- != 0;)
      if (const std::uint32_t print = place_at(age).print; print != 0) other.put(print, newest_ - age);
    *this = std::move(other);
  }

  ghost_array<place, Memory> places_;
  ghost_array<std::uint32_t, Memory> heads_;  // of chains: the last 32 bits of the newest number
  std::size_t size_ = 0;
  std::size_t newest_place_ = 0;
  std::uint64_t newest_ = 0;
  std::uint64_t oldest_ = 1;
  std::size_t remembered_ = 0;
};

}  // namespace larder::eviction
