#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace larder::observe {

/// The keys that a sampler follows, by hash: a small number for each and its mark. Linear probing over 16-bit numbers, half full
/// at most; 14 bytes per key.
class tracked_keys {
 public:
  using id = std::uint16_t;
  using mark = std::uint32_t;
  static constexpr id nobody = std::numeric_limits<id>::max();

  /// Empty, with room for so many keys, a power of two and at most 2^15.
  void reset(std::size_t keys) {
    hashes_.assign(keys, 0);
    marks_.assign(keys, 0);
    cells_.assign(keys * 2, nobody);
    size_ = 0;
    free_ = nobody;
    fresh_ = 0;
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t room() const noexcept { return hashes_.size(); }

  id find(std::uint64_t hash) const noexcept {
    for (std::size_t cell = home(hash);; cell = next(cell)) {
      const id who = cells_[cell];
      if (who == nobody || hashes_[who] == hash) return who;
    }
  }
  /// A number for a key that has none; there must be room.
  id insert(std::uint64_t hash) noexcept {
    const id who = free_ != nobody ? free_ : fresh_++;
    if (who == free_) free_ = static_cast<id>(marks_[who]);
    hashes_[who] = hash;
    std::size_t cell = home(hash);
    while (cells_[cell] != nobody) cell = next(cell);
    cells_[cell] = who;
    ++size_;
    return who;
  }
  void erase(id who) noexcept {
    std::size_t gap = home(hashes_[who]);
    while (cells_[gap] != who) gap = next(gap);
    for (std::size_t cell = next(gap); cells_[cell] != nobody; cell = next(cell)) {
      const std::size_t way = (cell - home(hashes_[cells_[cell]])) & mask();
      if (way < ((cell - gap) & mask())) continue;  // its home lies behind the gap
      cells_[gap] = cells_[cell];
      gap = cell;
    }
    cells_[gap] = nobody;
    marks_[who] = free_;
    free_ = who;
    --size_;
  }

  std::uint64_t hash(id who) const noexcept { return hashes_[who]; }
  mark mark_of(id who) const noexcept { return marks_[who]; }
  void set_mark(id who, mark m) noexcept { marks_[who] = static_cast<std::uint16_t>(m); }

  std::size_t bytes() const noexcept {
    return hashes_.capacity() * sizeof(std::uint64_t) + marks_.capacity() * sizeof(std::uint16_t) + cells_.capacity() * sizeof(id);
  }

 private:
  std::size_t mask() const noexcept { return cells_.size() - 1; }
  std::size_t home(std::uint64_t hash) const noexcept { return (hash * 0xd6e8feb86659fd93ULL >> 40U) & mask(); }
  std::size_t next(std::size_t cell) const noexcept { return (cell + 1) & mask(); }

  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint16_t> marks_;  // of a number that is free: the next free one
  std::vector<id> cells_;
  std::size_t size_ = 0;
  id free_ = nobody;
  id fresh_ = 0;  // from here on no number was ever given
};

}  // namespace larder::observe
