#pragma once

#include <larder/core/axis.hpp>

namespace larder {

/// No limit. Has to be said, so that nobody forgets one.
struct unbounded {
  using policy_axis = axis::limit;
};

}  // namespace larder
