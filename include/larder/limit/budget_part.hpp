#pragma once

#include <larder/limit/budget.hpp>
#include <larder/sync/counter.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace larder::core {

/// What one of several equal parts of a table holds of the budget that they share. One thread at a time changes it; any may read it.
template <bool Shared, std::size_t Dimensions>
class budget_part {
 public:
  using budget_type = budget<Shared, Dimensions>;
  using sizes = amounts<Dimensions>;

  budget_part(budget_type& whole, std::size_t parts) noexcept : whole_(whole), parts_(parts) {}

  const budget_type& whole() const noexcept { return whole_; }

  bool take(const sizes& size) noexcept {
    if (!whole_.take(size)) return false;
    if (parts_ > 1)
      for (std::size_t d = 0; d < Dimensions; ++d) held_[d].add_alone(size[d]);
    return true;
  }
  void take_in_any_case(const sizes& size) noexcept {
    whole_.take_in_any_case(size);
    if (parts_ > 1)
      for (std::size_t d = 0; d < Dimensions; ++d) held_[d].add_alone(size[d]);
  }
  void give_back(const sizes& size) noexcept {
    whole_.give_back(size);
    if (parts_ > 1)
      for (std::size_t d = 0; d < Dimensions; ++d) held_[d].store(held_[d].load() - size[d]);
  }

  /// Whether it holds more than its part of what may be in use beside `size`, of something that `size` needs more of.
  bool holds_too_much_beside(const sizes& size) const noexcept { return holds_more_than(size, parts_); }
  /// Whether it holds less than half of that part: then room for `size` is not to come from here while others have it.
  bool holds_little_beside(const sizes& size) const noexcept { return parts_ > 1 && !holds_more_than(size, 2 * parts_); }

 private:
  bool holds_more_than(const sizes& size, std::size_t fraction) const noexcept {
    for (std::size_t d = 0; d < Dimensions; ++d) {
      const std::uint64_t capacity = whole_.capacity(d);
      if (size[d] > capacity || whole_.used(d) <= capacity - size[d]) continue;
      if (held_[d].load() > (capacity - size[d]) / fraction) return true;
    }
    return false;
  }

  budget_type& whole_;
  const std::size_t parts_;
  std::array<sync::counter<Shared>, Dimensions> held_;
};

}  // namespace larder::core
