#pragma once

#include <larder/serve/request_head.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace larder::serve {

/// The bytes of a content that an answer carries.
struct content_part {
  enum class kind : std::uint8_t { whole, part, none_such };
  kind what = kind::whole;
  std::uint64_t first = 0;
  std::uint64_t size = 0;
};

namespace range_rules {

/// A position; one that is too large to write down is the largest. Nothing when it is no number.
inline std::optional<std::uint64_t> position(std::string_view text) noexcept {
  std::uint64_t number = 0;
  if (request_rules::read_number(text, number)) return number;
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return std::numeric_limits<std::uint64_t>::max();
}

}  // namespace range_rules

/// The part of a content of `size` bytes that the field `Range` asks for. What is no range of bytes, or several, is answered with the whole,
/// as RFC 9110 (14.2) leaves free; none of the bytes that it names being there, with none.
inline content_part choose_part(std::string_view range, std::uint64_t size) noexcept {
  const content_part whole{content_part::kind::whole, 0, size};
  const content_part none{content_part::kind::none_such, 0, 0};
  constexpr std::string_view unit = "bytes=";
  if (!request_rules::is_same_word(range.substr(0, unit.size()), unit)) return whole;
  range = request_rules::without_padding(range.substr(unit.size()));
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view from = range.substr(0, dash);
  const std::string_view to = range.substr(dash + 1);
  if (from.empty()) {
    const std::optional<std::uint64_t> count = range_rules::position(to);
    if (!count) return whole;
    if (*count == 0 || size == 0) return none;
    const std::uint64_t n = *count < size ? *count : size;
    return {content_part::kind::part, size - n, n};
  }
  const std::optional<std::uint64_t> first = range_rules::position(from);
  const std::optional<std::uint64_t> last = to.empty() ? std::numeric_limits<std::uint64_t>::max() : range_rules::position(to);
  if (!first || !last || *first > *last) return whole;
  if (*first >= size) return none;
  const std::uint64_t end = *last < size - 1 ? *last + 1 : size;
  return {content_part::kind::part, *first, end - *first};
}

}  // namespace larder::serve
