#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>

namespace larder::observe {

/// Caches by name, such as a `cache_manager` has: `names()` lists them, and `at(name)` is one, for as long as the collection lives.
template <class Caches>
concept cache_collection = requires(const Caches& caches, std::string_view name) {
  { *caches.names().begin() } -> std::convertible_to<std::string_view>;
  requires std::is_lvalue_reference_v<decltype(caches.at(name))>;
};

}  // namespace larder::observe
