#pragma once

// A token and how long it is good for, read from the JSON that the services of an identity platform reply (RFC 6749 section
// 5.1 and its relatives). Every reply is taken for hostile. What is refused, because two readers could understand it differently or
// because it would do harm later: more than 64 KiB, nesting deeper than 8, a field of ours given twice, a token that does not
// fit a header, a kind other than Bearer, an end that is not in the future. Nothing of the reply is ever repeated in a message.

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/time_text.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace larder::remote {

/// What a credential brings. The moments are times of day.
struct access_token {
  secret text;
  instant expires{};
  std::optional<instant> refresh_at{};  ///< when the service would like to be asked again; before `expires`
};

/// Whose words a reply is in: a service's (`access_token`, `expires_in`, `expires_on`), or those of the Azure command line
/// (`accessToken`, `expires_on`, and in old versions only `expiresOn`, which is local time).
enum class token_words : std::uint8_t { service, command_line };

inline constexpr std::size_t token_reply_limit = std::size_t{64} << 10U;
inline constexpr auto longest_token_life = std::chrono::hours(24 * 366);  ///< a longer one is taken for this

/// Letters, digits and marks that fit a header as they are: not empty, no space, no control character.
inline bool is_header_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

class access_token_reader {
 public:
  /// Reads a reply that was asked for at `asked_at`. `subject` names the reply in the `larder::error` (server) for one that cannot be used.
  static access_token read(std::string_view reply, std::string_view subject, instant asked_at,
                           token_words words = token_words::service) {
    return access_token_reader(subject, asked_at, words).parse(reply);
  }

 private:
  using element = simdjson::dom::element;

  access_token_reader(std::string_view subject, instant asked_at, token_words words)
      : subject_(subject), asked_at_(asked_at), words_(words) {}

  [[noreturn]] void refuse(const std::string& why) const {
    core::fail(error_cause::server, std::string(subject_) + " cannot be used: " + why);
  }

  access_token parse(std::string_view reply) const {
    constexpr std::size_t deepest = 8;
    if (reply.empty()) refuse("it is empty");
    if (reply.size() > token_reply_limit)
      refuse("it has " + std::to_string(reply.size()) + " bytes, the limit is " + std::to_string(token_reply_limit));
    simdjson::dom::parser parser;
    if (parser.allocate(reply.size(), deepest) != simdjson::SUCCESS)
      core::fail(error_cause::io, "no memory to read " + std::string(subject_));
    element root;
    simdjson::dom::object object;
    if (parser.parse(reply.data(), reply.size(), true).get(root) != simdjson::SUCCESS) refuse("it is not JSON");
    if (root.get(object) != simdjson::SUCCESS) refuse("it is not a JSON object");

    std::optional<element> token, kind, expires_in, expires_on, local_end, refresh_in;
    const bool service = words_ == token_words::service;
    for (const auto field : object) {
      if (field.key == (service ? "access_token" : "accessToken"))
        keep(token, field.value);
      else if (field.key == (service ? "token_type" : "tokenType"))
        keep(kind, field.value);
      else if (field.key == "expires_on")
        keep(expires_on, field.value);
      else if (service && field.key == "expires_in")
        keep(expires_in, field.value);
      else if (service && field.key == "refresh_in")
        keep(refresh_in, field.value);
      else if (!service && field.key == "expiresOn")
        keep(local_end, field.value);
    }

    std::string_view text;
    if (!token || token->get(text) != simdjson::SUCCESS) refuse("it has no token");
    if (!is_header_token(text)) refuse("its token is empty or has characters that no header may have");
    if (kind && !is_bearer(*kind)) refuse("its token is not of the kind Bearer");

    access_token out{.text = text};
    if (expires_in)  // first: it does not depend on both clocks being right
      out.expires = asked_at_ + seconds_of(*expires_in, "expires_in");
    else if (expires_on)
      out.expires = moment_of(*expires_on);
    else if (local_end)
      out.expires = local_moment_of(*local_end);
    else
      refuse("it does not say when the token ends");
    if (out.expires <= asked_at_) refuse("its token has already ended; is this machine's clock right?");
    out.expires = std::min<instant>(out.expires, asked_at_ + longest_token_life);
    if (refresh_in) out.refresh_at = asked_at_ + seconds_of(*refresh_in, "refresh_in");
    if (out.refresh_at && (*out.refresh_at <= asked_at_ || *out.refresh_at >= out.expires)) out.refresh_at.reset();
    return out;
  }

  void keep(std::optional<element>& place, const element& value) const {
    if (place) refuse("it gives a field twice");
    place = value;
  }

  static bool is_bearer(const element& kind) {
    constexpr std::string_view wanted = "bearer";
    std::string_view text;
    return kind.get(text) == simdjson::SUCCESS &&
           std::equal(text.begin(), text.end(), wanted.begin(), wanted.end(), [](char given, char lower) {
             return given == lower || (given >= 'A' && given <= 'Z' && given - 'A' + 'a' == lower);
           });
  }

  /// A whole number that is not negative, as itself or as text; nothing for anything else.
  static std::optional<std::uint64_t> count_of(const element& value) {
    std::uint64_t number = 0;
    std::string_view text;
    if (value.get(number) == simdjson::SUCCESS) return number;
    if (value.get(text) == simdjson::SUCCESS) return parse_count(text);
    return std::nullopt;
  }
  /// Cut to a year: more is not believed, and would not fit.
  std::chrono::seconds seconds_of(const element& value, const char* name) const {
    const std::optional<std::uint64_t> count = count_of(value);
    if (!count) refuse("its " + std::string(name) + " is not a number of seconds");
    return std::chrono::seconds(std::min<std::uint64_t>(*count, std::chrono::seconds(longest_token_life).count()));
  }
  instant moment_of(const element& value) const {
    constexpr std::uint64_t in_2199 = 7'258'118'399;
    if (const std::optional<std::uint64_t> count = count_of(value)) return std::chrono::seconds(std::min(*count, in_2199));
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) {
      if (const std::optional<instant> moment = parse_rfc3339(text)) return *moment;
      if (const std::optional<instant> moment = parse_rfc1123(text)) return *moment;
    }
    refuse("its expires_on is no moment that this reader knows");
  }
  instant local_moment_of(const element& value) const {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS)
      if (const std::optional<instant> moment = parse_local_time(text)) return *moment;
    refuse("its expiresOn is no local time");
  }

  std::string_view subject_;
  instant asked_at_;
  token_words words_;
};

}  // namespace larder::remote
