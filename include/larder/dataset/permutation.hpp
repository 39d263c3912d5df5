#pragma once

// A permutation that is computed, not stored: a generalised Feistel network with cycle walking, after J. Black, P. Rogaway, "Ciphers with
// Arbitrary Finite Domains", CT-RSA 2002. A number is a row and a column of a table that has the least number of rows of 2^k columns, where
// 2^k is about the root of the size. A round moves all numbers of a row along it, or all of a column, by what a hash of the row or of the
// column says. What lands in the last row behind the size is sent through again: the table has less than one row too many, so that fewer than
// 1.4 walks are expected (3 numbers in a table of 4), 1.01 of ten thousand. The values are part of the format of saved positions.

#include <larder/core/mix.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace larder::datasets {

/// A permutation of the numbers below `size`, another one for another key: 160 bytes, a call takes about 15 ns (50 below 256 numbers, which
/// need more rounds to be in each order equally often). Any number of threads ask at once.
class permutation {
 public:
  permutation(std::uint64_t size, std::uint64_t key) noexcept
      : size_(size),
        column_bits_(size < 2 ? 0U : static_cast<unsigned>(std::bit_width(size - 1)) / 2U),
        rows_(size == 0 ? 0 : ((size - 1) >> column_bits_) + 1),
        rounds_(size < few ? most_rounds : least_rounds) {
    for (std::size_t round = 0; round < most_rounds; ++round) keys_[round] = core::mix(core::mix(key + 1) + round + 1);
  }

  std::uint64_t size() const noexcept { return size_; }
  /// Where the permutation sends a number below `size()`.
  std::uint64_t operator()(std::uint64_t i) const noexcept {
    if (size_ < 2) return i;
    do i = walk(i);
    while (i >= size_);
    return i;
  }

 private:
  static constexpr std::uint64_t few = 256;
  static constexpr std::size_t most_rounds = 16;
  static constexpr std::size_t least_rounds = 8;

  std::uint64_t walk(std::uint64_t i) const noexcept {
    const std::uint64_t columns = std::uint64_t{1} << column_bits_;
    std::uint64_t column = i & (columns - 1);
    std::uint64_t row = i >> column_bits_;
    for (std::size_t round = 0; round < rounds_; round += 2) {
      // The upper half of the hash: it depends on all of the number. Both moves are below 2^32, and so are row and column.
      row += (core::mix(column ^ keys_[round]) >> 32U) * rows_ >> 32U;
      row -= row >= rows_ ? rows_ : 0;
      column = (column + (core::mix(row ^ keys_[round + 1]) >> 32U >> (32U - column_bits_))) & (columns - 1);
    }
    return row << column_bits_ | column;
  }

  std::uint64_t size_;
  unsigned column_bits_;
  std::uint64_t rows_;
  std::size_t rounds_;
  std::array<std::uint64_t, most_rounds> keys_{};
};

}  // namespace larder::datasets
