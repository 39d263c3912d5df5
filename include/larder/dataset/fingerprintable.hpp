#pragma once

// Which values have a fingerprint that says their content, and what it is made of.

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/dataset/aggregate_fields.hpp>
#include <larder/dataset/dataset_source.hpp>

#include <array>
#include <bit>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

/// Specialise it for a type of your own: `static digest of(const T&)` says the content, another digest whenever it may differ.
template <class T>
struct fingerprint_of {};

namespace datasets {

template <class T>
concept says_its_fingerprint = requires(const T& value) {
  { fingerprint_of<T>::of(value) } -> std::same_as<digest>;
};

template <class T>
auto made() {  // a body of its own: g++ 12 defines a defaulted constructor only where it is used
  return T{};
}
/// A constant expression refuses to read padding and pointers as bytes, however deep in a class they are.
template <class T>
concept readable_as_bytes = std::is_default_constructible_v<T> && requires {
  made<T>();
  typename std::bool_constant<(static_cast<void>(std::bit_cast<std::array<signed char, sizeof(T)>>(T{})), true)>;
};
/// Whether there may be a `long double` inside: six of its bytes are anything, and g++ 12 reads them as zeros.
template <class T>
inline constexpr bool may_have_long_double = sizeof(long double) > sizeof(double) && alignof(T) >= alignof(long double) &&
                                             !std::has_unique_object_representations_v<T>;

template <class T>
inline constexpr bool is_complex = false;  // clang 14 cannot look into one
template <class T>
inline constexpr bool is_complex<std::complex<T>> = !std::is_same_v<T, long double>;

template <class T>
constexpr bool is_content() noexcept {
  if constexpr (std::is_same_v<T, long double>)
    return false;
  else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || is_complex<T>)
    return true;
  else if constexpr (std::is_array_v<T>)
    return is_content<std::remove_cv_t<std::remove_all_extents_t<T>>>();
  else if constexpr (std::is_class_v<T> && std::is_trivially_copyable_v<T> && !std::is_empty_v<T> && !may_have_long_double<T>)
    return readable_as_bytes<T>;
  else
    return false;
}
/// A value whose bytes are its content: numbers, and classes of them that can be made in a constant expression (`T{}`), without padding and
/// without pointers.
template <class T>
concept content_in_memory = is_content<std::remove_cv_t<T>>();

template <class T>
struct parts_of : std::false_type {};
template <class T>
void add_fingerprint(fingerprint_builder& to, const T& value);
template <class T>
constexpr bool has_fingerprint() noexcept;

template <class Elements>
void add_elements(fingerprint_builder& to, const Elements& elements) {
  using element = std::remove_cv_t<typename Elements::value_type>;
  if constexpr (content_in_memory<element> && !says_its_fingerprint<element> && requires { elements.data(); }) {
    to.add(std::string_view(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(element)));
  } else {
    to.add(static_cast<std::uint64_t>(elements.size()));
    for (const auto& each : elements) add_fingerprint<element>(to, each);
  }
}
template <class T>
struct elements_of : std::true_type {
  static constexpr bool usable = has_fingerprint<std::remove_cv_t<T>>();
  static void add(fingerprint_builder& to, const auto& value) { add_elements(to, value); }
};
template <class... Ts>
struct fields_of : std::true_type {
  static constexpr bool usable = (has_fingerprint<std::remove_cvref_t<Ts>>() && ...);
  static void add(fingerprint_builder& to, const auto& value) {
    std::apply([&to](const auto&... each) { (add_fingerprint<std::remove_cvref_t<Ts>>(to, each), ...); }, value);
  }
};
template <class T, class Allocator>
struct parts_of<std::vector<T, Allocator>> : elements_of<T> {};
template <class T, std::size_t N>
struct parts_of<std::span<T, N>> : elements_of<T> {};
template <class T, std::size_t N>
struct parts_of<std::array<T, N>> : elements_of<T> {};
template <class T, class Traits, class Allocator>
struct parts_of<std::basic_string<T, Traits, Allocator>> : elements_of<T> {};
template <class T, class Traits>
struct parts_of<std::basic_string_view<T, Traits>> : elements_of<T> {};
template <class A, class B>
struct parts_of<std::pair<A, B>> : fields_of<A, B> {};
template <class... Ts>
struct parts_of<std::tuple<Ts...>> : fields_of<Ts...> {};

template <class Tied>
struct tied_parts;
template <class... Ts>
struct tied_parts<std::tuple<Ts...>> : fields_of<Ts...> {};
template <class T>
struct aggregate_parts : tied_parts<decltype(fields_of_aggregate(std::declval<const T&>()))> {};

/// Trivially copyable types the usual `codec` would take with their padding and their pointers.
template <class T>
constexpr bool has_own_codec() noexcept {
  if constexpr (std::is_trivially_copyable_v<T> || std::is_array_v<T>)
    return false;
  else
    return encodable<T>;
}

template <class T>
constexpr bool has_fingerprint() noexcept {
  if constexpr (says_its_fingerprint<T> || std::is_same_v<T, bytes> || content_in_memory<T>)
    return true;
  else if constexpr (parts_of<T>::value)
    return parts_of<T>::usable;
  else if constexpr (has_own_codec<T>())
    return true;
  else if constexpr (plain_aggregate<T>)
    return aggregate_parts<T>::usable;
  else
    return false;
}

}  // namespace datasets

/// A type whose values have a fingerprint: numbers and enumerations (not `long double`), classes of them without padding and pointers,
/// `bytes`, strings, vectors, spans, arrays, pairs and tuples of such, plain structs of at most ten such fields, what has a `codec` of its own, and what `fingerprint_of` is specialised
/// for. Floating-point numbers count by their bits: 0.0 is not -0.0.
template <class T>
concept fingerprintable = datasets::has_fingerprint<std::remove_cvref_t<T>>();

namespace datasets {

/// Adds the content of a value, so that no two values of its type add the same.
template <class T>
void add_fingerprint(fingerprint_builder& to, const T& value) {
  static_assert(fingerprintable<T>, "larder: this type has no fingerprint; specialise larder::fingerprint_of for it");
  if constexpr (says_its_fingerprint<T>)
    to.add(fingerprint_of<T>::of(value));
  else if constexpr (std::is_same_v<T, bytes>)
    to.add(value.text());
  else if constexpr (parts_of<T>::value)
    parts_of<T>::add(to, value);
  else if constexpr (content_in_memory<T>)
    to.add(std::string_view(reinterpret_cast<const char*>(&value), sizeof value));
  else if constexpr (has_own_codec<T>())
    to.add(bytes(codec<T>::encode(value)).text());
  else
    aggregate_parts<T>::add(to, fields_of_aggregate(value));
}

}  // namespace datasets
}  // namespace larder
