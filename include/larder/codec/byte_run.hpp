#pragma once

#include <larder/core/bytes.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::core {

template <class T>
inline constexpr bool is_text_or_vector = false;
template <class Char, class Traits, class Allocator>
inline constexpr bool is_text_or_vector<std::basic_string<Char, Traits, Allocator>> = true;
template <class T, class Allocator>
inline constexpr bool is_text_or_vector<std::vector<T, Allocator>> = std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>;

/// A value that is nothing but a run of bytes, so that it can be taken apart and put together without a codec.
template <class T>
concept byte_run = std::same_as<T, bytes> || is_text_or_vector<T>;

template <byte_run T>
std::span<const std::byte> content_of(const T& value) noexcept {
  if constexpr (std::is_same_v<T, bytes>)
    return value.span();
  else
    return std::as_bytes(std::span(value.data(), value.size()));
}

/// A value of `size` bytes that `fill(std::span<std::byte>)` writes; nothing when that says false, or `size` is no whole number of elements.
template <byte_run T, std::predicate<std::span<std::byte>> Fill>
std::optional<T> byte_run_of(std::size_t size, Fill&& fill) {
  if constexpr (std::is_same_v<T, bytes>) {
    mutable_bytes value(size);
    if (!fill(value.span())) return std::nullopt;
    return std::move(value).freeze();
  } else {
    constexpr std::size_t each = sizeof(typename T::value_type);
    if (size % each != 0) return std::nullopt;
    std::optional<T> value(std::in_place, size / each, typename T::value_type{});
    if (!fill(std::as_writable_bytes(std::span(value->data(), value->size())))) return std::nullopt;
    return value;
  }
}

}  // namespace larder::core
