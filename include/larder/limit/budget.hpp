#pragma once

#include <larder/sync/counter.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace larder::core {

/// What an entry counts for in each dimension of a budget.
template <std::size_t Dimensions>
using amounts = std::array<std::uint64_t, Dimensions>;

/// Whether `part` is at most `whole` in every dimension.
template <std::size_t Dimensions>
constexpr bool covers(const amounts<Dimensions>& whole, const amounts<Dimensions>& part) noexcept {
  for (std::size_t d = 0; d < Dimensions; ++d)
    if (part[d] > whole[d]) return false;
  return true;
}
/// What is left of `whole` without a `part` that it covers.
template <std::size_t Dimensions>
constexpr amounts<Dimensions> difference(amounts<Dimensions> whole, const amounts<Dimensions>& part) noexcept {
  for (std::size_t d = 0; d < Dimensions; ++d) whole[d] -= part[d];
  return whole;
}

/// How much is in use of each limit and how much may be. Room is taken before an entry becomes visible, so that the use
/// never passes the capacity, whatever the threads do.
template <bool Shared, std::size_t Dimensions>
class budget {
 public:
  budget() noexcept {
    for (auto& c : capacity_) c.store(std::numeric_limits<std::uint64_t>::max());
  }

  std::uint64_t used(std::size_t d) const noexcept { return used_[d].load(); }
  std::uint64_t capacity(std::size_t d) const noexcept { return capacity_[d].load(); }
  void set_capacity(std::size_t d, std::uint64_t n) noexcept { capacity_[d].store(n); }

  /// Whether an entry of that size can be in at all.
  bool fits_alone(const amounts<Dimensions>& size) const noexcept {
    for (std::size_t d = 0; d < Dimensions; ++d)
      if (size[d] > capacity(d)) return false;
    return true;
  }
  bool has_room(const amounts<Dimensions>& size) const noexcept { return !passes(capacities(), size); }
  bool over() const noexcept {
    for (std::size_t d = 0; d < Dimensions; ++d)
      if (used(d) > capacity(d)) return true;
    return false;
  }

  /// Takes room in every dimension, or in none.
  bool take(const amounts<Dimensions>& size) noexcept {
    for (std::size_t d = 0; d < Dimensions; ++d)
      if (!used_[d].add_within(size[d], capacity(d))) {
        while (d-- > 0) used_[d].subtract(size[d]);
        return false;
      }
    return true;
  }
  /// Whether there is room or not: for what a storage has already, before the limits are kept for the first time.
  void take_in_any_case(const amounts<Dimensions>& size) noexcept {
    for (std::size_t d = 0; d < Dimensions; ++d) used_[d].add(size[d]);
  }
  void give_back(const amounts<Dimensions>& size) noexcept {
    for (std::size_t d = 0; d < Dimensions; ++d) used_[d].subtract(size[d]);
  }

  /// With a watermark: how much may be in use once `size` is added; the mark's share of each limit that adding it reaches.
  template <class Watermark>
  amounts<Dimensions> marks(const Watermark& mark, const amounts<Dimensions>& size) const noexcept {
    amounts<Dimensions> bounds{};
    for (std::size_t d = 0; d < Dimensions; ++d) {
      bounds[d] = capacity(d);
      if (bounds[d] != std::numeric_limits<std::uint64_t>::max() && (size[d] >= bounds[d] || used(d) >= bounds[d] - size[d]))
        bounds[d] = mark.of(bounds[d]);
    }
    return bounds;
  }
  /// Whether adding `size` passes one of these bounds.
  bool passes(const amounts<Dimensions>& bounds, const amounts<Dimensions>& size) const noexcept {
    for (std::size_t d = 0; d < Dimensions; ++d)
      if (size[d] > bounds[d] || used(d) > bounds[d] - size[d]) return true;
    return false;
  }

 private:
  amounts<Dimensions> capacities() const noexcept {
    amounts<Dimensions> all{};
    for (std::size_t d = 0; d < Dimensions; ++d) all[d] = capacity(d);
    return all;
  }

  std::array<sync::counter<Shared>, Dimensions> used_;
  std::array<sync::counter<Shared>, Dimensions> capacity_;
};

}  // namespace larder::core
