#pragma once

#include <larder/core/axis.hpp>

namespace larder {

namespace axis {
struct memory_taking {};  ///< when a layer cache takes its memory
}  // namespace axis

/// A layer cache takes all memory of its plan when it is made, and touches each page of it: `layer_cache{source, max_bytes{n},
/// prefaulted{}}`. No layer then waits for memory, the first pass has no page faults, and memory that is not there is a `larder::error`
/// before any layer is read. So it is again with what a new plan needs more after `set_capacity`. Beyond the plan goes, as ever, what
/// leases keep of layers that have left.
///
/// Not named: memory comes with the layers. That is the default since a cache may never be asked for most of them, and since a touched
/// page is taken from everybody else. An order by use has no plan, and `shared_layers` finds layers in the memory of others, so beside
/// them it does not compile; with `read_path::mapped` it is a `larder::error`.
struct prefaulted {
  using policy_axis = axis::memory_taking;
};

}  // namespace larder
