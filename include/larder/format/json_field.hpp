#pragma once

// A value of a parsed JSON document by its path, as a C++ type.

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <simdjson.h>

namespace larder::format {

/// The value at a path: names of members and numbers in arrays, with dots between them ("user.tags.0"); nothing when there is none. A
/// member that has all that is left of the path as its name is taken first, so that names with dots are found. Of members with one name
/// the first counts. Linear in the members of the objects on the way.
inline std::optional<simdjson::dom::element> find_json_field(simdjson::dom::element at, std::string_view path) noexcept {
  for (;;) {
    const std::size_t dot = path.find('.');
    const std::string_view name = path.substr(0, dot);
    simdjson::dom::element next;
    simdjson::dom::object object;
    simdjson::dom::array array;
    if (at.get(object) == simdjson::SUCCESS) {
      if (object.at_key(path).get(next) == simdjson::SUCCESS) return next;
      if (dot == std::string_view::npos || object.at_key(name).get(next) != simdjson::SUCCESS) return std::nullopt;
    } else if (at.get(array) == simdjson::SUCCESS) {
      std::size_t number = 0;
      const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
      if (failed != std::errc{} || end != name.data() + name.size() || array.at(number).get(next) != simdjson::SUCCESS)
        return std::nullopt;
      if (dot == std::string_view::npos) return next;
    } else {
      return std::nullopt;
    }
    at = next;
    path.remove_prefix(dot + 1);
  }
}

/// What a value is, in words: "a string".
inline std::string_view json_kind(const simdjson::dom::element& value) noexcept {
  switch (value.type()) {
    case simdjson::dom::element_type::ARRAY:
      return "an array";
    case simdjson::dom::element_type::OBJECT:
      return "an object";
    case simdjson::dom::element_type::INT64:
    case simdjson::dom::element_type::UINT64:
      return "a whole number";
    case simdjson::dom::element_type::DOUBLE:
      return "a number with a fraction or exponent";
    case simdjson::dom::element_type::STRING:
      return "a string";
    case simdjson::dom::element_type::BOOL:
      return "true or false";
    case simdjson::dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "something else";
  }
}

/// What a JSON value can be turned into.
template <class T>
concept json_value = std::same_as<T, std::string_view> || std::same_as<T, std::string> || std::same_as<T, bool> ||
    std::floating_point<T> ||(std::integral<T> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                              !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>);

/// What `T` takes, in words.
template <json_value T>
std::string json_kind_of() {
  if constexpr (std::same_as<T, bool>)
    return "true or false";
  else if constexpr (std::floating_point<T>)
    return "a number";
  else if constexpr (std::integral<T>)
    return "a whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
           std::to_string(std::numeric_limits<T>::max());
  else
    return "a string";
}

/// The value as a `T`; nothing when it is of another kind, or a number that `T` does not hold. A string view refers to the parser.
template <json_value T>
std::optional<T> json_value_as(const simdjson::dom::element& value) noexcept(!std::same_as<T, std::string>) {
  if constexpr (std::same_as<T, bool>) {
    bool is = false;
    return value.get(is) == simdjson::SUCCESS ? std::optional<T>(is) : std::nullopt;
  } else if constexpr (std::floating_point<T>) {
    double number = 0;
    if (value.get(number) != simdjson::SUCCESS) return std::nullopt;
    if constexpr (sizeof(T) < sizeof(double))
      if (number > std::numeric_limits<T>::max() || number < std::numeric_limits<T>::lowest()) return std::nullopt;
    return static_cast<T>(number);
  } else if constexpr (std::integral<T>) {
    std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t> number = 0;
    return value.get(number) == simdjson::SUCCESS && std::in_range<T>(number) ? std::optional<T>(static_cast<T>(number))
                                                                              : std::nullopt;
  } else {
    std::string_view text;
    return value.get(text) == simdjson::SUCCESS ? std::optional<T>(std::in_place, text) : std::nullopt;
  }
}

}  // namespace larder::format
