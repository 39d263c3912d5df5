#pragma once

#include <larder/core/axis.hpp>
#include <larder/limit/limit_value.hpp>

#include <concepts>
#include <cstdint>

namespace larder {

/// At most so much weight in all, as the cache's `weigher` counts it.
struct max_weight {
  using policy_axis = axis::limit;
  std::uint64_t value;

  template <std::integral Number>
  explicit constexpr max_weight(Number number) : value(core::limit_value(number, "max_weight")) {}
};

}  // namespace larder
