#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/verify.hpp>

namespace larder {

namespace axis {
struct verification {};  ///< when a layer's bytes are compared with their digests
}  // namespace axis

/// When a layer cache compares tensors with the digests that its source knows (`larder layers digest MODEL` writes them beside a
/// model). Not named: at the first read of a layer while the cache is open. `verify_tensors{verify::never}` does not read them.
struct verify_tensors {
  using policy_axis = axis::verification;
  verify when;

  explicit constexpr verify_tensors(verify chosen = verify::first_read) noexcept : when(chosen) {}
};

}  // namespace larder
