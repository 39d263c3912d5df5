#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace larder {

/// How a value of T becomes bytes on a byte storage and comes back. Specialise it for your own type:
/// `static bytes encode(const T&)` and `static T decode(const bytes&)`; `decode` throws `larder::error` on bytes it cannot read.
template <class T>
struct codec;

/// A type that a byte storage can keep.
template <class T>
concept encodable = requires(const T& value, const bytes& encoded) {
  { codec<T>::encode(value) } -> std::convertible_to<bytes>;
  { codec<T>::decode(encoded) } -> std::convertible_to<T>;
};

/// `bytes` pass through: no copy in either direction.
template <>
struct codec<bytes> {
  static bytes encode(const bytes& value) { return value; }
  static bytes decode(const bytes& encoded) { return encoded; }
};

template <>
struct codec<std::string> {
  static bytes encode(std::string_view value) { return bytes::copy_of(value.data(), value.size()); }
  static std::string decode(const bytes& encoded) { return std::string(encoded.text()); }
};

/// Trivially copyable types travel as their object representation, so a store is for machines of one endianness
/// (it says so itself and refuses others). Pointers do not travel.
template <class T>
  requires(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_member_pointer_v<T>)
struct codec<T> {
  static bytes encode(const T& value) { return bytes::copy_of(&value, sizeof(T)); }
  static T decode(const bytes& encoded) {
    if (encoded.size() != sizeof(T))
      core::fail(error_cause::codec, "a stored value of " + std::to_string(encoded.size()) + " bytes is not the expected type of " +
                                         std::to_string(sizeof(T)) + " bytes; was it written with another value type?");
    struct representation {
      std::byte of[sizeof(T)];
    } raw;
    std::memcpy(&raw, encoded.data(), sizeof(T));
    return std::bit_cast<T>(raw);
  }
};

/// Vectors of trivially copyable elements travel as the elements alone.
template <class T, class Allocator>
  requires(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_same_v<T, bool>)
struct codec<std::vector<T, Allocator>> {
  static bytes encode(const std::vector<T, Allocator>& value) { return bytes::copy_of(value.data(), value.size() * sizeof(T)); }
  static std::vector<T, Allocator> decode(const bytes& encoded) {
    if (encoded.size() % sizeof(T) != 0)
      core::fail(error_cause::codec, "a stored value of " + std::to_string(encoded.size()) +
                                         " bytes is not a whole number of elements of " + std::to_string(sizeof(T)) + " bytes");
    std::vector<T, Allocator> value(encoded.size() / sizeof(T));
    if (!value.empty()) std::memcpy(static_cast<void*>(value.data()), encoded.data(), encoded.size());
    return value;
  }
};

namespace core {

/// What an entry weighs under `max_bytes`: its payload, without key or overhead.
template <class T>
std::uint64_t payload_size(const T& value) noexcept {
  if constexpr (requires { typename T::value_type; value.data(); { value.size() } -> std::convertible_to<std::size_t>; })
    return static_cast<std::uint64_t>(value.size()) * sizeof(typename T::value_type);
  else if constexpr (std::is_same_v<T, bytes>)
    return value.size();
  else
    return sizeof(T);
}

}  // namespace core
}  // namespace larder
