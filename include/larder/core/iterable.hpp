#pragma once

#include <concepts>
#include <iterator>
#include <type_traits>
#include <utility>

namespace larder::core {

/// What a range-based `for` takes. (The concepts of <ranges> say the same; that header alone is an eighth of what
/// including this library costs.)
template <class R>
concept iterable = requires(const R& range) {
  std::begin(range) != std::end(range);
  *std::begin(range);
};

template <iterable R>
using iterated = decltype(*std::begin(std::declval<const R&>()));

/// Elements side by side in memory.
template <class R>
concept contiguous = requires(const R& range) {
  { std::size(range) } -> std::convertible_to<std::size_t>;
  requires std::is_pointer_v<decltype(std::data(range))>;
};

template <contiguous R>
using element_of = std::remove_cvref_t<decltype(*std::data(std::declval<const R&>()))>;

}  // namespace larder::core
