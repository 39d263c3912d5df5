#pragma once

#include <larder/core/axis.hpp>

#include <cstdint>
#include <utility>

namespace larder {

/// Why an entry left.
enum class removal_cause : std::uint8_t {
  evicted,   ///< for want of room
  expired,   ///< its time was over
  replaced,  ///< by a newer value of its key
  erased,    ///< by erase, erase_if, erase_prefix or clear
};

/// f(key, value, cause) for each entry that left; called after the fact, without any lock, on the thread whose call made it leave.
/// What f throws goes to the `error_listener`.
template <class F>
struct removal_listener {
  using policy_axis = axis::removal_listener;
  F f;
  explicit removal_listener(F function) : f(std::move(function)) {}
};

}  // namespace larder
