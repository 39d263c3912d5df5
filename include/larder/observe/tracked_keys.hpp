#pragma once

#include <larder/core/linear_probing.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace larder::observe {

/// The keys that a sampler follows, by 48 bits of their hash: a small number for each and its mark. Linear probing over 16-bit
/// numbers, half full at most; 12 bytes per key.
class tracked_keys {
 public:
  using id = std::uint16_t;
  using mark = std::uint32_t;
  static constexpr id nobody = std::numeric_limits<id>::max();
  static constexpr std::size_t most = std::size_t{1} << 15;

  /// Empty, with room for so many keys, a power of two and no more than `most`.
  void reset(std::size_t keys) {
    rows_.assign(keys, 0);
    cells_.assign(keys * 2, nobody);
    size_ = 0;
    free_ = nobody;
    fresh_ = 0;
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t room() const noexcept { return rows_.size(); }

  /// The number of a key of which only the upper 48 bits count.
  id find(std::uint64_t hash) const noexcept {
    for (std::size_t cell = home(hash);; cell = next(cell)) {
      const id who = cells_[cell];
      if (who == nobody || same(rows_[who], hash)) return who;
    }
  }
  /// The number that is looked at first for a key: mostly the key's own.
  id first_met(std::uint64_t hash) const noexcept { return cells_[home(hash)]; }
  /// A number for a key that has none; there must be room.
  id insert(std::uint64_t hash) noexcept {
    const id who = free_ != nobody ? free_ : fresh_++;
    if (who == free_) free_ = static_cast<id>(rows_[who]);
    rows_[who] = hash & hash_bits;
    std::size_t cell = home(hash);
    while (cells_[cell] != nobody) cell = next(cell);
    cells_[cell] = who;
    ++size_;
    return who;
  }
  void erase(id who) noexcept {
    std::size_t cell = home(rows_[who]);
    while (cells_[cell] != who) cell = next(cell);
    core::free_cell(cells_, cell, mask(), nobody, [this](id other) { return home(rows_[other]); });
    rows_[who] = free_;
    free_ = who;
    --size_;
  }

  std::uint64_t hash(id who) const noexcept { return rows_[who] & hash_bits; }
  mark mark_of(id who) const noexcept { return static_cast<mark>(rows_[who] & ~hash_bits); }
  void set_mark(id who, mark m) noexcept { rows_[who] = (rows_[who] & hash_bits) | m; }

  std::size_t bytes() const noexcept { return rows_.capacity() * sizeof(std::uint64_t) + cells_.capacity() * sizeof(id); }

 private:
  static constexpr std::uint64_t hash_bits = ~std::uint64_t{0xffff};

  static bool same(std::uint64_t row, std::uint64_t hash) noexcept { return ((row ^ hash) & hash_bits) == 0; }
  std::size_t mask() const noexcept { return cells_.size() - 1; }
  std::size_t home(std::uint64_t hash) const noexcept { return ((hash & hash_bits) * 0xd6e8feb86659fd93ULL >> 40U) & mask(); }
  std::size_t next(std::size_t cell) const noexcept { return (cell + 1) & mask(); }

  std::vector<std::uint64_t> rows_;  // 48 bits of hash, 16 of mark; of a number that is free: the next free one
  std::vector<id> cells_;
  std::size_t size_ = 0;
  id free_ = nobody;
  id fresh_ = 0;  // from here on no number was ever given
};

}  // namespace larder::observe
