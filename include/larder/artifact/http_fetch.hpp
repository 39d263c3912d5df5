#pragma once

#include <larder/artifact/fetch_sink.hpp>
#include <larder/artifact/streamed_body.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/retry.hpp>
#include <larder/remote/timing.hpp>
#include <larder/remote/url.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

struct http_fetch_settings {
  /// Sent with each request, as for `Authorization`; to the host of the address alone, not to where it redirects.
  std::vector<remote::http_header> headers{};
  remote_timeouts timeouts{};
  retry_options retry{};
  unsigned redirects = 5;  ///< that are followed; none from https to http
  std::string ca_file{};
  bool use_proxy = true;
};

namespace artifacts {

/// Where a redirect leads: `Location` may be an address, or a path of the same host.
inline remote::url redirected(const remote::url& from, std::string_view location) {
  location = location.substr(0, location.find('#'));
  std::string text;
  if (location.find("://") != std::string_view::npos && location.find("://") < location.find('?')) {
    text = location;
  } else if (location.starts_with("//")) {
    text = from.scheme + ":" + std::string(location);
  } else if (location.starts_with('/')) {
    text = from.scheme + "://" + from.authority() + std::string(location);
  } else {
    text = from.scheme + "://" + from.authority() + from.path.substr(0, from.path.rfind('/') + 1) + std::string(location);
  }
  return remote::parse_url(text, "a redirect");
}

}  // namespace artifacts

/// A provider of files over HTTP(S), for `package_store::get`: ranges, tries again what failed for a passing reason, follows redirects. Copies share
/// their connections. Throws `larder::error`; addresses stand in messages without their query.
class http_fetch {
 public:
  explicit http_fetch(http_fetch_settings settings = {}) : state_(std::make_shared<state>(std::move(settings))) {}

  void operator()(std::string_view url, const byte_range& range, fetch_sink& sink) const {
    const remote::url target = remote::parse_url(url, "the address of a file");
    std::uint64_t most = range.whole() ? largest_answer(target, sink.stop()) : range.size;
    if (!get(target, range, most, sink)) get(target, {}, most, sink);  // its server knows no ranges
  }

 private:
  /// Of an answer that does not say how long it is, and so is gathered in memory.
  static constexpr std::uint64_t most_unannounced = std::uint64_t{1} << 30U;

  struct state {
    explicit state(http_fetch_settings chosen)
        : settings(std::move(chosen)),
          transport(remote::steady_timing{}, settings.retry,
                    remote::transport_settings{settings.timeouts, settings.ca_file, settings.use_proxy}) {}
    http_fetch_settings settings;
    remote::retry<remote::curl_transport> transport;
  };

  /// Sends, and follows redirects. `prepare(request)` is called before each.
  template <class Prepare>
  remote::http_response send(remote::http_request& request, Prepare&& prepare) const {
    request.headers = state_->settings.headers;
    for (unsigned redirects = 0;; ++redirects) {
      prepare(request);
      remote::http_response answer = state_->transport.send(request);
      if (answer.status < 300 || answer.status >= 400) return answer;
      follow(request, answer, redirects);
    }
  }

  /// What to expect of an answer with all of the file, so that nobody fills the memory.
  std::uint64_t largest_answer(const remote::url& target, const std::stop_token& stop) const {
    remote::http_request request;
    request.method = "HEAD";
    request.target = target;
    request.stop = stop;
    const remote::http_response answer = send(request, [](remote::http_request&) {});
    const std::optional<std::string_view> length = answer.header("content-length");
    const std::optional<std::uint64_t> size = length && answer.status == 200 ? remote::parse_count(*length) : std::nullopt;
    return size.value_or(most_unannounced);
  }

  /// False when the server can only give everything; `most` is how much that is then.
  bool get(const remote::url& target, const byte_range& range, std::uint64_t& most, fetch_sink& sink) const {
    remote::http_request request;
    request.target = target;
    if (!range.whole()) request.range = range;
    request.max_body = most;
    request.stop = sink.stop();
    std::optional<artifacts::streamed_body> body;
    remote::http_response answer;
    try {
      answer = send(request, [&](remote::http_request& next) {
        body.emplace(sink, range);
        next.into = &*body;
      });
    } catch (const error&) {
      if (!body || !body->needs_all()) throw;
      most = body->size_of_all().value_or(most_unannounced);
      return false;
    }
    if (answer.status == 416 && request.range) {
      take_end(request, answer, range, sink);
      return true;
    }
    if (answer.status == 206) remote::check_partial_answer(request, answer);
    if (answer.status != 200 && answer.status != 206)
      remote::fail_status(request, answer, remote::is_absent(answer.status) ? "there is no such file; check its address" : "");
    body->take(answer);
    return true;
  }

  void follow(remote::http_request& request, const remote::http_response& answer, unsigned redirects) const {
    const std::optional<std::string_view> location = answer.header("location");
    if (!location) remote::fail_status(request, answer, "it says not where to");
    if (redirects == state_->settings.redirects)
      remote::fail_status(request, answer, "it redirects again and again; raise redirects if that is right");
    remote::url next = artifacts::redirected(request.target, *location);
    if (request.target.encrypted() && !next.encrypted())
      remote::fail_status(request, answer, "it redirects to an address without encryption, which is not followed");
    if (next.host != request.target.host || next.port != request.target.port || next.scheme != request.target.scheme)
      request.headers.clear();
    request.target = std::move(next);
  }

  /// The range begins where the file ends, or behind.
  static void take_end(const remote::http_request& request, const remote::http_response& answer, const byte_range& range,
                       fetch_sink& sink) {
    const remote::part_head head = remote::describe_part(answer);
    if (!head.total || *head.total > range.offset) remote::fail_status(request, answer);
    sink.total(*head.total);
    sink.begins_at(range.offset);
  }

  std::shared_ptr<state> state_;
};

}  // namespace larder
