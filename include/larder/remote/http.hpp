#pragma once

// The words that protocols and transports share: what is asked, what is answered, and which failure a status is.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/url.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

/// How long a remote store is waited for, per try. Zero means no limit.
///
/// A server that falls silent sends no reset: only these limits notice, so they are seconds. `connect` outlives two lost packets (sent again after 1
/// and 3 s). `first_byte` is the longest: it holds for writes, whose answer comes when all is stored; a look-up has its own, shorter budget
/// (`resilience::lookup_budget`). In mid-transfer a healthy connection is never still for `stall`: TCP repeats a lost packet within a second.
struct remote_timeouts {
  std::chrono::milliseconds connect{5'000};      ///< until the connection stands, name look-up and TLS included
  std::chrono::milliseconds first_byte{10'000};  ///< from the end of the request to the first byte of the answer
  std::chrono::milliseconds stall{5'000};        ///< without a byte in either direction, or below `slowest` on average
  std::uint64_t slowest = 1024;                  ///< bytes per second, over a period of `stall`
  std::chrono::milliseconds total{0};            ///< for the whole request
};

namespace remote {

/// What a transport needs to know once, whatever the protocol.
struct transport_settings {
  remote_timeouts timeouts;
  std::string ca_file;    ///< PEM file of the authorities to trust instead of the system's
  bool use_proxy = true;  ///< one that the environment names; never for this machine itself
};

struct http_header {
  std::string name;  ///< lower case in answers
  secret value;      ///< requests carry credentials here: never printed
};

struct http_response;

/// Where the body of a successful answer goes instead of memory that the transport takes.
class body_target {
 public:
  virtual ~body_target() = default;
  /// Room for the `size` bytes that are to come (those of the range, where one was asked for); asked once per answer, when its head has come.
  /// May throw, which ends the request with that exception. The room is written to until `send` has returned.
  virtual std::span<std::byte> room(const http_response& head, std::uint64_t size) = 0;
  /// So many bytes from the room's start are there: progress, called for every piece.
  virtual void landed(std::uint64_t /*filled*/) {}
};

/// One request. `body` is borrowed until `send` returns and may be read again from its start.
struct http_request {
  std::string method = "GET";
  url target;
  std::vector<http_header> headers;
  std::span<const bytes> body;                 ///< sent when `has_body`, one part after the other
  bool has_body = false;
  std::optional<byte_range> range;             ///< asks for a part; never empty
  std::uint64_t max_body = std::uint64_t{64} << 10U;  ///< a longer answer is refused, not cut
  body_target* into = nullptr;                 ///< takes the body of a 2xx whose length is announced; borrowed until `send` returns
  std::stop_token stop;                        ///< ends the request with `error_cause::cancelled`, also while it waits
  /// The head of the answer has come by then, or the request fails with `error_cause::timeout`: tries and pauses between them included.
  std::chrono::steady_clock::time_point answer_by = std::chrono::steady_clock::time_point::max();
  bool repeatable = false;                     ///< sending it twice does what once does, or the protocol sees to it; the methods of `is_repeatable` need not say so
  int handled_status = 0;                      ///< a status that the protocol acts upon by itself: no failure of the server, not tried again

  std::uint64_t body_size() const noexcept { return total_size(body); }
};

/// A whole answer: `body` is complete, or `send` has thrown.
struct http_response {
  int status = 0;
  std::vector<http_header> headers;
  bytes body;         ///< of a 200 to a request with a range: already cut to the range; of a failure: at most its beginning
  std::optional<std::uint64_t> landed;  ///< how many bytes of the body went to `http_request::into`; then `body` is empty
  bool cut = false;   ///< the server ignored the range and the transport cut
  unsigned tries = 1; ///< how often the request was sent for it, as far as is known; after more than one an earlier try may have done what it asked

  /// The value of a header (name in lower case), or nothing.
  std::optional<std::string_view> header(std::string_view name) const noexcept {
    for (const http_header& h : headers)
      if (h.name == name) return h.value.reveal();
    return std::nullopt;
  }
};

/// What carries requests. `send` is called from many threads at once, and throws `larder::error` (network, timeout,
/// server for a malformed answer) when there is no whole answer; any status is an answer. Retry, breaker, limits and
/// signing are transports around a transport.
template <class T>
concept http_transport = requires(T transport, http_request request) {
  { transport.send(request) } -> std::same_as<http_response>;
};

/// Which failure a status is, for any status that the protocol does not take as an answer.
constexpr error_cause cause_of_status(int status) noexcept {
  switch (status) {
    case 401:
    case 403:
    case 407:
      return error_cause::unauthorized;
    case 408:
    case 504:
      return error_cause::timeout;
    case 507:
      return error_cause::no_space;
    default:
      return error_cause::server;
  }
}

constexpr bool is_absent(int status) noexcept { return status == 404 || status == 410; }

/// What a user may do about a status; empty when nothing is known.
constexpr std::string_view advice_for_status(int status) noexcept {
  if (status == 401 || status == 403) return "check the credentials and what they permit";
  if (status == 407) return "the proxy asks for credentials";
  if (status == 429 || status == 503) return "the server is busy, try later";
  if (status == 507) return "the server has no space left";
  if (status >= 300 && status < 400) return "redirects are not followed, give the final address";
  if (status >= 500) return "the failure is the server's own, see its log";
  return {};
}

/// Whether an answer says that the server is busy or ill just now: the same request may succeed later.
inline bool is_transient(const http_request& request, int status) noexcept {
  if (status == request.handled_status) return false;
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/// Whether sending the request again does no harm when an earlier try was carried out and its answer lost.
inline bool is_repeatable(const http_request& request) noexcept {
  for (const std::string_view method : {"GET", "HEAD", "PUT", "DELETE", "PROPFIND"})
    if (request.method == method) return true;
  return request.repeatable;
}

/// `method address`, as messages begin: without credentials.
inline std::string subject_of(const http_request& request) { return request.method + " " + request.target.printable(); }

/// What an error says, without the prefix that all of them have: to say more in another.
inline std::string message_of(const error& e) {
  constexpr std::string_view prefix = "larder: ";
  std::string_view text = e.what();
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return std::string(text);
}

/// A request that failed, with what transports further out need to know of it.
class send_error : public error {
 public:
  send_error(error_cause cause, const std::string& message, unsigned tries, bool lasts = false)
      : error(cause, message), tries_(tries), lasts_(lasts) {}
  /// How often it was sent. 0: it never left this process, which says nothing about the server.
  unsigned tries() const noexcept { return tries_; }
  /// Another try would meet the same: a certificate that nobody trusts does not become trusted by asking again.
  bool lasts() const noexcept { return lasts_; }

 private:
  unsigned tries_;
  bool lasts_;
};

/// What a service calls a failure, and by what its log knows the request: `code, request id`. Either may be empty.
inline std::string failure_name(std::string_view code, std::string_view request_id) {
  std::string name(code);
  if (!request_id.empty()) name += (name.empty() ? "request " : ", request ") + std::string(request_id);
  return name;
}

/// Throws for an answer that is not what the protocol needs: `method address answered status (name); advice`. Nothing else that
/// the server wrote is repeated: it may echo credentials.
[[noreturn]] inline void fail_status(const http_request& request, int status, error_cause cause, std::string_view name,
                                     std::string_view advice) {
  std::string message = subject_of(request) + " answered " + std::to_string(status);
  if (!name.empty()) message += " (" + std::string(name) + ")";
  if (advice.empty()) advice = advice_for_status(status);
  if (!advice.empty()) message += "; " + std::string(advice);
  core::fail(cause, message);
}

/// The same for a failure that only the status names.
[[noreturn]] inline void fail_status(const http_request& request, int status, std::string_view advice = {}) {
  fail_status(request, status, cause_of_status(status), {}, advice);
}

/// The same for an answer at hand, with the number of tries.
[[noreturn]] inline void fail_status(const http_request& request, const http_response& answer, std::string_view advice = {}) {
  if (answer.tries <= 1) fail_status(request, answer.status, advice);
  try {
    fail_status(request, answer.status, advice);
  } catch (const error& e) {
    core::fail(e.cause(), message_of(e) + " (" + std::to_string(answer.tries) + " tries)");
  }
}

}  // namespace remote
}  // namespace larder
