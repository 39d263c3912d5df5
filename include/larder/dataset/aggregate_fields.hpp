#pragma once

// The fields of a plain struct, counted by how many values it can be made of and taken apart by structured bindings: the way of Antony Polukhin's
// magic_get (Boost.PFR), for at most ten fields, without bases, unions and C arrays inside.

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace larder::datasets {

/// Stands for a field of any type; never made.
struct any_field {
  template <class Field>
  operator Field() const;
};

inline constexpr std::size_t most_fields = 10;

template <class T, class... Fields>
constexpr std::size_t count_fields() noexcept {
  if constexpr (sizeof...(Fields) <= most_fields && requires { T{std::declval<Fields>()..., std::declval<any_field>()}; })
    return count_fields<T, Fields..., any_field>();
  else
    return sizeof...(Fields);
}

template <class T>
constexpr bool can_be_taken_apart() noexcept {
  if constexpr (std::is_aggregate_v<T> && std::is_class_v<T> && !std::is_empty_v<T> && !std::is_polymorphic_v<T>)
    return count_fields<T>() >= 1 && count_fields<T>() <= most_fields;
  else
    return false;
}
template <class T>
concept plain_aggregate = can_be_taken_apart<T>();

/// References to the fields, in their order.
template <plain_aggregate T>
constexpr auto fields_of_aggregate(const T& value) noexcept {
  constexpr std::size_t n = count_fields<T>();
  if constexpr (n == 1) {
    const auto& [a] = value;
    return std::tie(a);
  } else if constexpr (n == 2) {
    const auto& [a, b] = value;
    return std::tie(a, b);
  } else if constexpr (n == 3) {
    const auto& [a, b, c] = value;
    return std::tie(a, b, c);
  } else if constexpr (n == 4) {
    const auto& [a, b, c, d] = value;
    return std::tie(a, b, c, d);
  } else if constexpr (n == 5) {
    const auto& [a, b, c, d, e] = value;
    return std::tie(a, b, c, d, e);
  } else if constexpr (n == 6) {
    const auto& [a, b, c, d, e, f] = value;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (n == 7) {
    const auto& [a, b, c, d, e, f, g] = value;
    return std::tie(a, b, c, d, e, f, g);
  } else if constexpr (n == 8) {
    const auto& [a, b, c, d, e, f, g, h] = value;
    return std::tie(a, b, c, d, e, f, g, h);
  } else if constexpr (n == 9) {
    const auto& [a, b, c, d, e, f, g, h, i] = value;
    return std::tie(a, b, c, d, e, f, g, h, i);
  } else if constexpr (n == 10) {
    const auto& [a, b, c, d, e, f, g, h, i, j] = value;
    return std::tie(a, b, c, d, e, f, g, h, i, j);
  }
}

}  // namespace larder::datasets
