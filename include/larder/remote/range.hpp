#pragma once

#include <larder/core/concepts.hpp>
#include <larder/remote/http.hpp>

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace larder::remote {

/// A whole decimal number, nothing else.
inline std::optional<std::uint64_t> parse_count(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The last byte that a range asks for; the largest number when it goes to the end.
constexpr std::uint64_t last_byte(const byte_range& range) noexcept {
  constexpr std::uint64_t top = std::numeric_limits<std::uint64_t>::max();
  return range.size > top - range.offset ? top : range.offset + range.size - 1;
}

/// `bytes=a-b`, or `bytes=a-` when the range goes to the end. The range must not be empty.
inline std::string range_header(const byte_range& range) {
  const std::uint64_t last = last_byte(range);
  return "bytes=" + std::to_string(range.offset) + "-" +
         (last == std::numeric_limits<std::uint64_t>::max() ? std::string{} : std::to_string(last));
}

/// `bytes first-last/total` of a 206.
struct content_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> total;  ///< nothing for `*`
};

inline std::optional<content_range> parse_content_range(std::string_view text) noexcept {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
  const auto first = parse_count(text.substr(0, dash));
  const auto last = parse_count(text.substr(dash + 1, slash - dash - 1));
  const std::string_view total = text.substr(slash + 1);
  if (!first || !last || *first > *last) return std::nullopt;
  content_range out{*first, *last, std::nullopt};
  if (total != "*") {
    out.total = parse_count(total);
    if (!out.total || *last >= *out.total) return std::nullopt;
  }
  return out;
}

/// Throws unless a 206 is exactly the part that was asked for, cut only by the end of the object.
inline void check_partial_answer(const http_request& request, const http_response& answer) {
  const auto refuse = [&](std::string_view why) {
    core::fail(error_cause::server, request.method + " " + request.target.printable() + " answered 206 " + std::string(why) +
                                        "; a proxy on the way may mishandle ranges");
  };
  if (!request.range) refuse("to a request for the whole");
  const std::optional<std::string_view> header = answer.header("content-range");
  if (!header) refuse("without a Content-Range");
  const std::optional<content_range> got = parse_content_range(*header);
  if (!got) refuse("with a Content-Range that cannot be read");
  if (got->first != request.range->offset) refuse("with a part that begins elsewhere");
  const std::uint64_t size = answer.landed.value_or(answer.body.size());
  if (size == 0 || got->last - got->first != size - 1) refuse("with a body as long as none of its Content-Range");
  const std::uint64_t wanted = last_byte(*request.range);
  if (got->last > wanted) refuse("with more than was asked for");
  if (got->last < wanted && (!got->total || got->last + 1 != *got->total)) refuse("with less than was asked for");
}

}  // namespace larder::remote
