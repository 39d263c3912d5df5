#pragma once

#include <larder/core/axis.hpp>
#include <larder/limit/limit_value.hpp>

#include <concepts>
#include <cstdint>

namespace larder {

/// At most so many entries. The slots are allocated once.
struct max_entries {
  using policy_axis = axis::limit;
  std::uint64_t value;

  template <std::integral Number>
  explicit constexpr max_entries(Number number) : value(core::limit_value(number, "max_entries")) {}
};

}  // namespace larder
