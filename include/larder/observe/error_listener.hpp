#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/error.hpp>

#include <utility>

namespace larder {

/// f(const error_event&) for each failure that the cache absorbed; called without any lock, from whatever thread met it.
/// What f throws is dropped.
template <class F>
struct error_listener {
  using policy_axis = axis::error_listener;
  F f;
  explicit error_listener(F function) : f(std::move(function)) {}
};

}  // namespace larder
