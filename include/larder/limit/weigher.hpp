#pragma once

#include <larder/core/axis.hpp>

#include <utility>

namespace larder {

/// What an entry weighs under `max_weight`: f(key, value), called once per put (twice for some under `miss_ratio_curve`), never under a lock.
template <class F>
struct weigher {
  using policy_axis = axis::weigher;
  F f;
  explicit weigher(F function) : f(std::move(function)) {}
};

}  // namespace larder
