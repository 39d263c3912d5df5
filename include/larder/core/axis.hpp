#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>

namespace larder {

/// What a policy decides. A policy says it with `using policy_axis = larder::axis::...`; it is never guessed from its shape.
namespace axis {

struct eviction {};          ///< who leaves; one per cache
struct limit {};             ///< how much may stay; several combine
struct expiry {};            ///< how long it may stay; several combine
struct storage {};           ///< where values live
struct hasher {};            ///< how a key becomes 64 bits
struct locking {};           ///< how threads share the cache
struct time {};              ///< what tells the time
struct weigher {};           ///< what an entry weighs under `max_weight`
struct watermark {};         ///< how far to evict once a limit is reached
struct refresh {};           ///< when a value is renewed while it is still served
struct removal_listener {};  ///< who is told of entries that leave
struct error_listener {};    ///< who is told of absorbed failures
struct compression {};       ///< which values are kept compressed, and how
struct observer {};          ///< who learns from the look-ups what another capacity would bring
struct latency {};           ///< who learns how long operations take
struct history {};           ///< who remembers what became of keys

}  // namespace axis

/// A type that says which axis it decides.
template <class P>
concept policy = requires { typename P::policy_axis; };

namespace core {

template <class P, class Axis>
inline constexpr bool on_axis = [] {
  if constexpr (policy<P>)
    return std::is_same_v<typename P::policy_axis, Axis>;
  else
    return false;
}();

template <class Axis, class... Policies>
inline constexpr std::size_t axis_count = (std::size_t{0} + ... + (on_axis<Policies, Axis> ? 1U : 0U));

template <class T, class... Ts>
inline constexpr std::size_t type_count = (std::size_t{0} + ... + (std::is_same_v<T, Ts> ? 1U : 0U));

/// The first policy on an axis, or the default when none is named.
template <class Axis, class Default, class... Policies>
struct first_on_axis {
  using type = Default;
};
template <class Axis, class Default, class P, class... Rest>
struct first_on_axis<Axis, Default, P, Rest...>
    : std::conditional_t<on_axis<P, Axis>, std::type_identity<P>, first_on_axis<Axis, Default, Rest...>> {};

/// All policies on an axis, as a tuple type.
template <class Axis, class... Policies>
using all_on_axis = decltype(std::tuple_cat(std::declval<std::conditional_t<on_axis<Policies, Axis>, std::tuple<Policies>, std::tuple<>>>()...));

}  // namespace core
}  // namespace larder
