#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace larder::observe {

/// Keys in order of their last use, each at a mark with its amount, and the sum of the amounts newer than a mark: the reuse
/// distance. A use takes the key from its mark and puts it at a new one; the sums are kept per 32 and per 1024 marks, so that both
/// cost a few additions over neighbours. Once the marks are used up they are dealt out anew.
template <class Amount>
class recency_line {
 public:
  using mark = std::uint32_t;
  using id = std::uint16_t;
  static constexpr id nobody = std::numeric_limits<id>::max();

  /// Empty, with room for so many marks.
  void reset(std::size_t marks) {
    ids_.assign(marks, nobody);
    amounts_.assign(marks, 0);
    blocks_.assign(marks / fan + 1, 0);
    groups_.assign(blocks_.size() / fan + 1, 0);
    first_ = end_ = 0;
    total_ = 0;
  }

  bool full() const noexcept { return end_ == ids_.size(); }
  std::size_t marks() const noexcept { return ids_.size(); }
  mark end() const noexcept { return end_; }
  std::uint64_t total() const noexcept { return total_; }

  /// The newest mark, for `who`; there must be one left.
  mark push(id who, Amount amount) noexcept {
    ids_[end_] = who;
    add(end_, amount);
    return end_++;
  }
  void erase(mark m) noexcept {
    ids_[m] = nobody;
    add(m, Amount{0});
  }
  /// Nobody's from now on, with what it still counts for.
  void leave_hole(mark m, Amount amount) noexcept {
    ids_[m] = nobody;
    add(m, amount);
  }

  Amount amount(mark m) const noexcept { return amounts_[m]; }
  id at(mark m) const noexcept { return ids_[m]; }

  std::uint64_t newer_than(mark m) const noexcept {
    const std::size_t next = std::size_t{m} + 1;
    const std::size_t block = (next + fan - 1) / fan;
    const std::size_t group = (block + fan - 1) / fan;
    std::uint64_t sum = 0;
    for (std::size_t i = next, stop = std::min<std::size_t>(block * fan, end_); i < stop; ++i) sum += amounts_[i];
    for (std::size_t i = block, stop = std::min(group * fan, blocks_.size()); i < stop; ++i) sum += blocks_[i];
    for (std::size_t i = group; i < groups_.size(); ++i) sum += groups_[i];
    return sum;
  }

  /// The oldest mark that counts for something; `end()` when there is none.
  mark oldest() noexcept {
    while (first_ != end_ && ids_[first_] == nobody && amounts_[first_] == 0) ++first_;
    return first_;
  }

  /// Deals the marks that count for something out anew, without gaps; moved(id, mark) for each in order.
  template <class Moved>
  void compact(Moved&& moved) noexcept {
    mark to = 0;
    for (mark from = oldest(); from != end_; ++from) {
      if (ids_[from] == nobody && amounts_[from] == 0) continue;
      ids_[to] = ids_[from];
      amounts_[to] = amounts_[from];
      moved(ids_[to], to);
      ++to;
    }
    std::fill(ids_.begin() + to, ids_.begin() + end_, nobody);
    std::fill(amounts_.begin() + to, amounts_.begin() + end_, Amount{0});
    first_ = 0;
    end_ = to;
    std::fill(blocks_.begin(), blocks_.end(), 0);
    std::fill(groups_.begin(), groups_.end(), 0);
    for (mark m = 0; m != end_; ++m) {
      blocks_[m / fan] += amounts_[m];
      groups_[m / fan / fan] += amounts_[m];
    }
  }

  std::size_t bytes() const noexcept {
    return ids_.capacity() * sizeof(id) + amounts_.capacity() * sizeof(Amount) +
           (blocks_.capacity() + groups_.capacity()) * sizeof(std::uint64_t);
  }

 private:
  static constexpr std::size_t fan = 32;

  void add(mark m, Amount amount) noexcept {
    const std::uint64_t change = std::uint64_t{amount} - amounts_[m];  // wraps where it is less
    amounts_[m] = amount;
    blocks_[m / fan] += change;
    groups_[m / fan / fan] += change;
    total_ += change;
  }

  std::vector<id> ids_;
  std::vector<Amount> amounts_;
  std::vector<std::uint64_t> blocks_;
  std::vector<std::uint64_t> groups_;
  mark first_ = 0;  // nothing before it counts
  mark end_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace larder::observe
