#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>

namespace larder::datasets {

/// How a record is kept as it is and given to a function again: text and bytes as views of what was kept, other types by their codec. Records that
/// refer to more than their bytes (a parsed line, a group of files) cannot be.
template <class Record>
struct raw_record {
  using plain = std::remove_cvref_t<Record>;
  static constexpr bool is_text = std::same_as<plain, std::string_view>;
  static constexpr bool is_span = std::same_as<plain, std::span<const std::byte>>;
  static constexpr bool can_be_kept = is_text || is_span || encodable<plain>;

  static bytes encode(const plain& record) {
    if constexpr (is_text)
      return bytes::copy_of(record);
    else if constexpr (is_span)
      return bytes::copy_of(record);
    else
      return codec<plain>::encode(record);
  }
  /// Valid as long as `kept`.
  static plain restore(const bytes& kept) {
    if constexpr (is_text)
      return kept.text();
    else if constexpr (is_span)
      return kept.span();
    else
      return codec<plain>::decode(kept);
  }
};

}  // namespace larder::datasets
