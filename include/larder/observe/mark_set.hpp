#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace larder::observe {

/// Some of the marks of a `recency_line`, met from the newest to the oldest; two bits of memory per mark at most.
class mark_set {
 public:
  using mark = std::uint32_t;

  /// Empty, for marks below `marks`.
  void reset(std::size_t marks) {
    words_.assign((marks + 63) / 64, 0);
    groups_.assign((words_.size() + 63) / 64, 0);
    count_ = 0;
  }
  std::size_t size() const noexcept { return count_; }

  void insert(mark m) noexcept {
    words_[m / 64] |= bit(m);
    groups_[m / 4096] |= bit(m / 64);
    ++count_;
  }
  /// Takes the mark out when it is in.
  void erase(mark m) noexcept {
    if ((words_[m / 64] & bit(m)) == 0) return;
    words_[m / 64] &= ~bit(m);
    if (words_[m / 64] == 0) groups_[m / 4096] &= ~bit(m / 64);
    --count_;
  }

  /// f(mark) -> bool for each mark newer than `than`, the newest first, until it says false.
  template <class F>
  void for_each_newer(std::int64_t than, F&& f) const {
    if (count_ == 0) return;
    for (std::size_t g = groups_.size(); g-- > 0;)
      for (std::uint64_t group = groups_[g]; group != 0; group &= ~bit(highest(group))) {
        const std::size_t w = g * 64 + highest(group);
        for (std::uint64_t word = words_[w]; word != 0; word &= ~bit(highest(word))) {
          const auto m = static_cast<mark>(w * 64 + highest(word));
          if (static_cast<std::int64_t>(m) <= than || !f(m)) return;
        }
      }
  }

  std::size_t bytes() const noexcept { return (words_.capacity() + groups_.capacity()) * sizeof(std::uint64_t); }

 private:
  static std::uint64_t bit(std::size_t m) noexcept { return std::uint64_t{1} << (m % 64); }
  static unsigned highest(std::uint64_t word) noexcept { return 63U - static_cast<unsigned>(std::countl_zero(word)); }

  std::vector<std::uint64_t> words_;
  std::vector<std::uint64_t> groups_;  // which words have a bit
  std::size_t count_ = 0;
};

}  // namespace larder::observe
