#pragma once

#include <larder/core/axis.hpp>
#include <larder/limit/limit_value.hpp>

#include <concepts>
#include <cstdint>

namespace larder {

/// At most so many bytes of payload: a value's own size, without its key or overhead.
struct max_bytes {
  using policy_axis = axis::limit;
  std::uint64_t value;

  template <std::integral Number>
  explicit constexpr max_bytes(Number number) : value(core::limit_value(number, "max_bytes")) {}
};

}  // namespace larder
