#pragma once

#include <larder/core/axis.hpp>

#include <concepts>
#include <cstdint>
#include <functional>

namespace larder {

/// `std::hash` of the key, mixed by the cache because it may be the identity.
struct std_hash {
  using policy_axis = axis::hasher;

  template <class Key>
    requires requires(const Key& key) {
      { std::hash<Key>{}(key) } -> std::convertible_to<std::size_t>;
    }
  std::uint64_t operator()(const Key& key) const noexcept(noexcept(std::hash<Key>{}(key))) {
    return std::hash<Key>{}(key);
  }
};

}  // namespace larder
