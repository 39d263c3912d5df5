#pragma once

#include <larder/core/error.hpp>

#include <concepts>
#include <cstdint>
#include <string>

namespace larder::core {

/// The number of a limit; throws `larder::error` when it is negative.
template <std::integral Number>
constexpr std::uint64_t limit_value(Number number, const char* name) {
  if constexpr (std::signed_integral<Number>)
    if (number < 0) fail(error_cause::invalid_argument, std::string(name) + "{" + std::to_string(number) + "}: a limit cannot be negative");
  return static_cast<std::uint64_t>(number);
}

}  // namespace larder::core
