#pragma once

#include <larder/serve/response_head.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace larder::serve {

/// What the head of an answer says of a text of the server's own.
inline void write_page_fields(response_head& head, std::string_view type, std::uint64_t size) {
  head.field("Content-Type", type).field("Content-Length", size).field("Cache-Control", "no-store");
  if (type.starts_with("text/html"))
    head.field("Content-Security-Policy",
               "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors "
               "'none'");
}

/// What the head of a refusal says, with nothing of the request repeated. Returns the text that follows the head.
inline std::string write_refusal_fields(response_head& head, int status) {
  if (status == 405) head.field("Allow", "GET, HEAD");
  if (status == 401)
    head.field("WWW-Authenticate", "Basic realm=\"larder\", charset=\"UTF-8\"").field("WWW-Authenticate", "Bearer");
  if (status == 503) head.field("Retry-After", "1");
  std::string text = std::to_string(status) + ' ' + std::string(reason_of(status)) + '\n';
  head.field("Content-Type", "text/plain; charset=utf-8").field("Content-Length", text.size());
  return text;
}

}  // namespace larder::serve
