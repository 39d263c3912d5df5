#pragma once

// Reading a part of an object, which is known or only to be of one version: what a protocol's client offers to whoever moves
// large objects.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/range.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// Which part of an object, of which version, and where to.
struct part_wanted {
  byte_range range{};           ///< an empty one asks whether the object is there, and how large
  std::string_view if_match{};  ///< an ETag; empty: any version
  body_target* into = nullptr;  ///< takes the body where its length is announced
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

/// A protocol's client that reads parts: `read_part(name, wanted) -> optional<part_read>`, nothing when there is no such
/// object. Throws as `get` does. To an empty range it says how large the object is.
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
    if (const auto field = answer.header("content-range"); field && field->starts_with("bytes */"))
      head.total = parse_count(field->substr(8));
  } else if (const auto field = answer.header("content-length"); field && !answer.header("transfer-encoding")) {
    head.total = parse_count(*field);
  }
  return head;
}

/// Throws when the object is larger than what is taken.
inline void check_object_size(const http_request& request, const part_head& head, std::uint64_t largest) {
  if (head.total && *head.total > largest)
    core::fail(error_cause::server, request.method + " " + request.target.printable() + ": the object has " +
                                        std::to_string(*head.total) + " bytes where at most " + std::to_string(largest) +
                                        " are taken; raise max_object if it may be that large");
}

/// Throws when an object to put is larger than what is taken.
inline void check_can_be_read_back(std::uint64_t size, std::uint64_t max_object) {
  if (size > max_object)
    core::fail(error_cause::invalid_argument, "an object of " + std::to_string(size) + " bytes is larger than max_object, " +
                                                  std::to_string(max_object) + ", and could not be read back; raise max_object");
}

/// Whether no GET can ask for the range: no `Range` says that nothing is wanted, and beyond `largest_offset` the service's
/// numbers end.
constexpr bool reads_nothing(const byte_range& range,
                             std::uint64_t largest_offset = std::numeric_limits<std::uint64_t>::max()) noexcept {
  return range.size == 0 || range.offset > largest_offset;
}

/// The part without bytes of an object that a HEAD has found or not.
inline std::optional<part_read> part_of_nothing(const std::optional<blob_info>& object, std::string_view if_match) {
  if (!object) return std::nullopt;
  part_read result;
  result.changed = !if_match.empty() && if_match != object->etag;
  if (!result.changed) result.head = {false, object->size, object->etag};
  return result;
}

/// What a protocol can carry, in bytes.
struct part_limits {
  /// Parts of a larger object are refused, where the answer says how large it is.
  std::uint64_t largest_object;
  /// A range that ends beyond it is asked for to the object's end.
  std::uint64_t largest_offset = std::numeric_limits<std::uint64_t>::max();
};

/// `describe_part`, for protocols whose answers have no more to say.
inline part_head describe_any_part(const http_request&, const http_response& answer) { return describe_part(answer); }

/// `read_part` over HTTP, for every protocol that takes `Range` and `If-Match`. `request` is the protocol's GET of the whole
/// object, with the `max_body` of one. What the protocol says to it:
///
/// * `head() -> optional<blob_info>`: what there is, without its bytes: asked instead where the range `reads_nothing`.
/// * `send(request) -> http_response`: how to send.
/// * `says_absent(answer) -> bool`: which answers mean that there is no object.
/// * `fail(request, answer)`: throws for any other that is not the part.
/// * `describe(request, answer) -> part_head`: what an answer tells of the object, where that is more than `describe_part` knows.
template <class Head, class Send, class SaysAbsent, class Fail,
          class Describe = part_head (*)(const http_request&, const http_response&)>
std::optional<part_read> read_part(http_request request, const part_wanted& wanted, const part_limits& limits, Head head,
                                   Send send, SaysAbsent says_absent, Fail fail, Describe describe = &describe_any_part) {
  if (reads_nothing(wanted.range, limits.largest_offset)) {
    std::optional<part_read> nothing = part_of_nothing(head(), wanted.if_match);
    if (nothing) check_object_size(request, nothing->head, limits.largest_object);
    return nothing;
  }
  byte_range range = wanted.range;
  if (last_byte(range) > limits.largest_offset) range.size = std::numeric_limits<std::uint64_t>::max();
  if (!range.whole()) request.range = range;
  request.max_body = std::min(request.max_body, wanted.range.size);
  request.into = wanted.into;
  request.stop = wanted.stop;
  if (!wanted.if_match.empty()) request.headers.push_back({"If-Match", wanted.if_match});
  http_response answer = send(std::as_const(request));
  if (says_absent(std::as_const(answer))) return std::nullopt;
  part_read result;
  if (answer.status == 412 && !wanted.if_match.empty()) {
    result.changed = true;
    return result;
  }
  const bool beyond_end = answer.status == 416 && request.range;
  if (answer.status == 206)
    check_partial_answer(request, answer);
  else if (answer.status != 200 && !beyond_end)
    fail(std::as_const(request), std::as_const(answer));
  result.head = describe(std::as_const(request), std::as_const(answer));
  if (beyond_end) return result;
  check_object_size(request, result.head, limits.largest_object);
  result.landed = answer.landed;
  result.body = std::move(answer.body);
  return result;
}

}  // namespace larder::remote
