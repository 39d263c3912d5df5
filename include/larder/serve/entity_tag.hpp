#pragma once

#include <larder/serve/request_head.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace larder::serve {

/// Whether a tag that is marked weak (`W/`) is as good as the strong one with the same text.
enum class tag_comparison : std::uint8_t { strong, weak };

/// Whether a list of entity tags, or `*`, names this strong one, which stands in its quotation marks. A list that cannot be read names none.
constexpr bool names_tag(std::string_view list, std::string_view tag, tag_comparison how) noexcept {
  if (request_rules::without_padding(list) == "*") return true;
  while (true) {
    list = request_rules::without_padding(list);
    bool weak = false;
    if (list.starts_with("W/")) {
      weak = true;
      list.remove_prefix(2);
    }
    if (!list.starts_with('"')) return false;
    const std::size_t end = list.find('"', 1);
    if (end == std::string_view::npos) return false;
    if (list.substr(0, end + 1) == tag && (!weak || how == tag_comparison::weak)) return true;
    list = request_rules::without_padding(list.substr(end + 1));
    if (!list.starts_with(',')) return false;
    list.remove_prefix(1);
  }
}

/// What a request's conditions make of an answer (RFC 9110, 13.2.2).
enum class condition_result : std::uint8_t { go_on, not_modified, failed };

/// For a content that is there and has this tag.
constexpr condition_result meet_conditions(const request_head& request, std::string_view tag) noexcept {
  if (!request.if_match.empty() && !names_tag(request.if_match, tag, tag_comparison::strong)) return condition_result::failed;
  if (!request.if_none_match.empty() && names_tag(request.if_none_match, tag, tag_comparison::weak))
    return condition_result::not_modified;
  return condition_result::go_on;
}

/// Whether the field `Range` holds: without `If-Range`, or when that names the content as it is. A date names nothing here.
constexpr bool range_holds(const request_head& request, std::string_view tag) noexcept {
  return request.if_range.data() == nullptr || request.if_range == tag;
}

}  // namespace larder::serve
