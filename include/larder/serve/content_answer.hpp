#pragma once

#include <larder/serve/chunk_address.hpp>
#include <larder/serve/entity_tag.hpp>
#include <larder/serve/request_head.hpp>
#include <larder/serve/requested_range.hpp>
#include <larder/serve/response_head.hpp>

#include <cstdint>
#include <string_view>

namespace larder::serve {

/// The part of a content that a request asks for, by its range where that holds.
inline content_part answered_part(const request_head& request, std::string_view etag, std::uint64_t size) noexcept {
  if (range_holds(request, etag)) return choose_part(request.range, size);
  return {content_part::kind::whole, 0, size};
}

/// What the conditions and the range of a request leave of a content, and how the head of the answer says it.
struct content_answer {
  condition_result met = condition_result::go_on;
  content_part part{};
  std::string_view etag{};
  std::uint64_t size = 0;  ///< of the whole content

  /// Whether bytes of the content follow the head, if there are any and the head alone was not asked for.
  bool carries_bytes() const noexcept { return met == condition_result::go_on && part.what != content_part::kind::none_such; }
  int status() const noexcept {
    if (met == condition_result::not_modified) return 304;
    if (met == condition_result::failed) return 412;
    return part.what == content_part::kind::part ? 206 : part.what == content_part::kind::none_such ? 416 : 200;
  }

  /// `is_private`: the server asks for a token, so that caches which others share must not keep what it says.
  void write(response_head& head, const chunk_address& asked, bool is_private, std::string_view came_from) const {
    const int code = status();
    head.field("ETag", etag);
    const char* const unchanging = is_private ? "private, max-age=31536000, immutable" : "public, max-age=31536000, immutable";
    head.field("Cache-Control", asked.content ? unchanging : "no-cache");
    if (code != 304) {
      if (carries_bytes())
        head.field("Content-Type", asked.manifest ? "application/json" : "application/octet-stream")
            .field("Accept-Ranges", "bytes");
      head.field("Content-Length", carries_bytes() ? part.size : 0);
    }
    if (code == 206) head.content_range(part.first, part.size, size);
    if (code == 416) head.no_content_range(size);
    if (!came_from.empty()) head.field("X-Cache", came_from);
  }
};

}  // namespace larder::serve
