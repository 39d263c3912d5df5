#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/concepts.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace larder::core {

/// Stands where an axis is optional and no policy is named.
struct none {};

/// The policies of one cache, sorted by axis whatever their order, and their objects.
template <class... Policies>
class policy_set {
 public:
  template <class Axis>
  static constexpr std::size_t count = axis_count<Axis, Policies...>;
  template <class P>
  static constexpr bool has = type_count<P, Policies...> != 0;
  template <class Axis, class Default = none>
  using on = typename first_on_axis<Axis, Default, Policies...>::type;

  /// Whether a policy can stay unsaid in a constructor that is given `Given`.
  template <class P, class... Given>
  static constexpr bool supplied = type_count<P, Given...> == 1 || (type_count<P, Given...> == 0 && std::is_default_constructible_v<P>);

  template <class... Given>
  explicit policy_set(Given&&... given) : policies_(pick<Policies>(std::forward<Given>(given)...)...) {}

  template <class P>
  const P& get() const noexcept {
    return std::get<P>(policies_);
  }
  /// The policy on an axis, or a default-made one when none is named.
  template <class Axis, class Default>
  on<Axis, Default> get_or() const {
    using chosen = on<Axis, Default>;
    if constexpr (has<chosen>)
      return std::get<chosen>(policies_);
    else
      return chosen{};
  }

 private:
  template <class P>
  static P pick() {
    return P{};
  }
  template <class P, class First, class... Rest>
  static P pick(First&& first, Rest&&... rest) {
    if constexpr (std::is_same_v<P, std::remove_cvref_t<First>>)
      return std::forward<First>(first);
    else
      return pick<P>(std::forward<Rest>(rest)...);
  }

  std::tuple<Policies...> policies_;
};

}  // namespace larder::core
