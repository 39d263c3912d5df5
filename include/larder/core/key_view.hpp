#pragma once

#include <string>
#include <string_view>
#include <type_traits>

namespace larder::core {

/// How a key is passed to look-ups: strings as `string_view`, so that no look-up allocates; what fits two registers by value;
/// the rest by reference.
template <class Key>
struct key_view_of {
  using type = std::conditional_t<std::is_trivially_copyable_v<Key> && sizeof(Key) <= 16, Key, const Key&>;
};
template <>
struct key_view_of<std::string> {
  using type = std::string_view;
};
template <class Key>
using key_view = typename key_view_of<Key>::type;

}  // namespace larder::core
