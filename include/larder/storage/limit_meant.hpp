#pragma once

#include <larder/core/axis.hpp>
#include <larder/limit/unbounded.hpp>

#include <type_traits>

namespace larder::storage {

namespace detail {

template <class Set, class Limit>
struct named_limit {
  static_assert(Set::template has<Limit>, "larder: the cache has no such limit");
  using type = Limit;
};
template <class Set>
struct only_limit {
  static_assert(Set::template count<axis::limit> == 1,
                "larder: the cache has several limits; say which, as in set_capacity(max_bytes{n}) or capacity<max_bytes>()");
  static_assert(!Set::template has<unbounded>, "larder: an unbounded cache has no capacity to set");
  using type = typename Set::template on<axis::limit>;
};

}  // namespace detail

/// The limit of a cache that is named, or its only one when none is (`void`).
template <class Set, class Limit>
using limit_meant = typename std::conditional_t<std::is_void_v<Limit>, std::type_identity<detail::only_limit<Set>>,
                                                std::type_identity<detail::named_limit<Set, Limit>>>::type::type;

}  // namespace larder::storage
