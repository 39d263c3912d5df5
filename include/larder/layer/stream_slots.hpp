#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/error.hpp>

#include <cstddef>

namespace larder {

namespace axis {
struct streaming {};  ///< how a layer cache overlaps loading and computing
}  // namespace axis

/// How many layers a layer cache loads ahead in a pass; under planned residency, how many slots of its memory are kept
/// for layers that are streamed. Not named: 2, which is enough when load times are steady; each more costs one resident
/// layer. A caller that holds several leases at once needs as many more.
struct stream_slots {
  using policy_axis = axis::streaming;
  std::size_t value;

  explicit constexpr stream_slots(std::size_t n = 2) : value(n) {
    if (n == 0) core::fail(error_cause::invalid_argument, "stream_slots{0}: a layer that is not resident needs a slot; give at least 1");
  }
};

}  // namespace larder
