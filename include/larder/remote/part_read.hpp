#pragma once

// Reading a part of an object, which is known or only to be of one version: what a protocol's client offers to whoever moves large objects.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/range.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// Which part of an object, of which version, and where to.
struct part_wanted {
  byte_range range{};              ///< never empty
  std::string_view if_match{};     ///< an ETag; empty: any version
  body_target* into = nullptr;     ///< takes the body where its length is announced
  std::stop_token stop{};
};

/// What an answer's head says of the object and of the part that follows.
struct part_head {
  bool ranged = false;                 ///< false: the server ignored the range and sends everything
  std::optional<std::uint64_t> total;  ///< size of the object, where the answer says it
  std::string etag;
};

/// A part of an object that is there.
struct part_read {
  bool changed = false;  ///< the object is not the version that was asked for; nothing else is set then
  part_head head;
  bytes body;                           ///< cut to the range; empty when it landed in `into`
  std::optional<std::uint64_t> landed;  ///< how many bytes went to `into`
};

/// A protocol's client that reads parts: `read_part(name, wanted) -> optional<part_read>`, nothing when there is no such object. Throws as `get` does.
template <class C>
concept part_reading_client = requires(C client, const std::string_view name, const part_wanted& wanted) {
  { client.read_part(name, wanted) } -> std::same_as<std::optional<part_read>>;
};

/// An ETag that `If-Match` can compare: weak ones never match, by RFC 9110.
inline bool is_strong_etag(std::string_view etag) noexcept { return etag.size() >= 2 && etag.front() == '"'; }

inline part_head describe_part(const http_response& answer) {
  part_head head;
  head.etag = std::string(answer.header("etag").value_or(""));
  head.ranged = answer.status == 206 || answer.status == 416;
  if (answer.status == 206) {
    if (const auto field = answer.header("content-range"))
      if (const auto range = parse_content_range(*field)) head.total = range->total;
  } else if (answer.status == 416) {
    if (const auto field = answer.header("content-range"); field && field->starts_with("bytes */")) head.total = parse_count(field->substr(8));
  } else if (const auto field = answer.header("content-length"); field && !answer.header("transfer-encoding")) {
    head.total = parse_count(*field);
  }
  return head;
}

/// `read_part` over HTTP, for every protocol that takes `Range` and `If-Match`: `request` is the protocol's GET of the whole, whose `max_body` is the
/// largest object that is taken.
template <http_transport Transport>
std::optional<part_read> read_part(Transport& transport, http_request request, const part_wanted& wanted) {
  const std::uint64_t largest = request.max_body;
  request.range = wanted.range;
  request.max_body = wanted.range.size;
  request.into = wanted.into;
  request.stop = wanted.stop;
  if (!wanted.if_match.empty()) request.headers.push_back({"If-Match", wanted.if_match});
  http_response answer = transport.send(request);
  if (is_absent(answer.status)) return std::nullopt;
  part_read result;
  if (answer.status == 412 && !wanted.if_match.empty()) {
    result.changed = true;
    return result;
  }
  if (answer.status == 206)
    check_partial_answer(request, answer);
  else if (answer.status != 200 && answer.status != 416)
    fail_status(request, answer.status);
  result.head = describe_part(answer);
  if (result.head.total && *result.head.total > largest)
    core::fail(error_cause::server, request.method + " " + request.target.printable() + ": the object has " + std::to_string(*result.head.total) +
                                        " bytes where at most " + std::to_string(largest) + " are taken; raise max_object if it may be that large");
  if (answer.status == 416) return result;  // begins at or beyond the end
  result.landed = answer.landed;
  result.body = std::move(answer.body);
  return result;
}

}  // namespace larder::remote
