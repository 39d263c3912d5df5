#pragma once

#include <larder/core/axis.hpp>

namespace larder {

/// Entries may carry a time to live of their own: `put(key, value, time_to_live)`. Those put without one keep none.
struct ttl {
  using policy_axis = axis::expiry;
};

}  // namespace larder
