#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/decimal_text.hpp>
#include <larder/core/error.hpp>

#include <cstdint>
#include <string>

namespace larder {

/// Once an insertion reaches a limit, evict down to this share of it: fewer, larger clean-ups.
struct watermark {
  using policy_axis = axis::watermark;
  double share;

  explicit constexpr watermark(double s) : share(s) {
    if (!(s > 0.0 && s <= 1.0))
      core::fail(error_cause::invalid_argument, "watermark{" + core::decimal_text(s) + "}: give a share of the limit above 0 and up to 1");
  }

  /// How much may stay of a limit of `capacity`.
  constexpr std::uint64_t of(std::uint64_t capacity) const noexcept {
    return static_cast<std::uint64_t>(share * static_cast<double>(capacity));
  }
};

}  // namespace larder
