#pragma once

#include <larder/core/axis.hpp>

#include <cstdint>
#include <type_traits>

namespace larder {

/// The key itself, for integers and enumerations that are already good hashes or that only need the cache's own mixing.
struct identity {
  using policy_axis = axis::hasher;

  template <class Key>
    requires(std::is_integral_v<Key> || std::is_enum_v<Key>)
  constexpr std::uint64_t operator()(Key key) const noexcept {
    return static_cast<std::uint64_t>(key);
  }
};

}  // namespace larder
