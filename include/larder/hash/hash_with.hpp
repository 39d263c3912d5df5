#pragma once

#include <larder/core/axis.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder {

/// The user's own function: f(key) gives an integer. Equal keys must give equal numbers; the cache mixes them.
/// For `std::string` keys an f that takes `std::string_view` spares a copy per look-up.
template <class F>
struct hash_with {
  using policy_axis = axis::hasher;
  F f;
  explicit hash_with(F function) : f(std::move(function)) {}

  template <class Key>
    requires std::invocable<const F&, const Key&>
  std::uint64_t operator()(const Key& key) const noexcept(std::is_nothrow_invocable_v<const F&, const Key&>) {
    return static_cast<std::uint64_t>(f(key));
  }
  std::uint64_t operator()(std::string_view key) const
    requires(!std::invocable<const F&, const std::string_view&> && std::invocable<const F&, const std::string&>)
  {
    return static_cast<std::uint64_t>(f(std::string(key)));
  }
};

}  // namespace larder
