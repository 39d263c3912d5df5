#pragma once

// HTTP/1.1 over libcurl: one pooled handle per request in flight, the calling thread does the work. Bulk transfers are
// within 0.6-1.1 of a bare socket loop and bring TLS, proxies and name look-up that are kept well elsewhere.
// Redirects are never followed (they carry custom headers to other hosts), content is never decoded.
//
// A request that meets a kept connection that the server is closing is sent once more on a fresh one, as long as no byte
// of an answer has come. Every other retry belongs to a transport around this one.

#include <larder/core/error.hpp>
#include <larder/core/version.hpp>
#include <larder/remote/curl_exchange.hpp>
#include <larder/remote/curl_handle.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/transfer_watch.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// An `http_transport`. Construction needs no network.
class curl_transport {
 public:
  explicit curl_transport(transport_settings settings) : settings_(std::move(settings)) {}

  /// Sends and waits for the whole answer; throws `larder::error` when none comes in time or whole.
  http_response send(const http_request& request) {
    const transfer_watch::clock::time_point start = transfer_watch::clock::now();
    if (std::optional<http_response> answer = attempt(request, start, on_kept)) return std::move(*answer);
    http_response answer = std::move(*attempt(request, start, on_fresh));
    answer.tries = 2;  // the server may have carried out the first before it closed
    return answer;
  }

 private:
  enum connection_choice : bool { on_kept, on_fresh };

  /// The answer, or nothing when a kept connection turned out to be closed; `on_fresh` never gives nothing.
  std::optional<http_response> attempt(const http_request& request, transfer_watch::clock::time_point start, connection_choice choice) {
    const curl_pool::lease handle = pool_.take();
    curl_exchange exchange(request);
    const curl_list headers = prepare(handle.easy(), request);
    if (choice == on_fresh) curl_easy_setopt(handle.easy(), CURLOPT_FRESH_CONNECT, 1L);
    exchange.attach(handle.easy());

    transfer_watch watch(settings_.timeouts, start, request.answer_by);
    const std::optional<CURLcode> code = run(handle, exchange, watch, request.stop);
    if (exchange.failure) std::rethrow_exception(exchange.failure);
    if (!code && request.stop.stop_requested()) core::fail(error_cause::cancelled, subject(request) + " was given up because a stop was requested");
    if (!code) core::fail(error_cause::timeout, subject(request) + " timed out: " + watch.reason());
    if (*code != CURLE_OK && !exchange.satisfied) {
      if (choice == on_kept && was_stale(handle.easy(), *code, exchange)) return std::nullopt;
      fail_transfer(request, *code, exchange.progress().answered);
    }
    if (exchange.response.status < 200) core::fail(error_cause::network, subject(request) + " got no final answer");
    exchange.finish();
    return std::move(exchange.response);
  }

  /// libcurl itself sends again when the closing shows as it reads, but not when it shows as a body is written.
  static bool was_stale(CURL* easy, CURLcode code, const curl_exchange& exchange) {
    if (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR && code != CURLE_GOT_NOTHING) return false;
    long connections_made = 1;
    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections_made);
    return connections_made == 0 && !exchange.progress().answered;
  }

  static std::string subject(const http_request& request) { return request.method + " " + request.target.printable(); }

  static void add_line(curl_list& list, std::string_view name, std::string_view value) {
    std::string line(name);
    line += ": ";
    line += value;
    for (const char c : line)
      if (c == '\r' || c == '\n' || c == '\0')
        core::fail(error_cause::invalid_argument,
                   "the value for the header " + std::string(name) + " has a line break or a zero; check the credentials' text");
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    std::fill(line.begin(), line.end(), '\0');
    if (longer == nullptr) core::fail(error_cause::io, "out of memory for the headers of a request");
    static_cast<void>(list.release());  // it is in the longer one
    list.reset(longer);
  }

  curl_list prepare(CURL* easy, const http_request& request) const {
    curl_list headers;
    for (const http_header& h : request.headers) add_line(headers, h.name, h.value.reveal());
    if (request.range) add_line(headers, "Range", range_header(*request.range));
    // Asking for leave costs a round trip (a second where the server ignores it): only where a refusal saves a long body.
    constexpr std::uint64_t worth_asking = std::uint64_t{8} << 20U;
    if (request.has_body && request.body_size() <= worth_asking) {
      curl_slist* longer = curl_slist_append(headers.get(), "Expect:");
      if (longer == nullptr) core::fail(error_cause::io, "out of memory for the headers of a request");
      static_cast<void>(headers.release());
      headers.reset(longer);
    }

    const auto set = [&](CURLoption option, auto value) {
      if (const CURLcode code = curl_easy_setopt(easy, option, value); code != CURLE_OK)
        core::fail(error_cause::invalid_argument,
                   "libcurl refuses its option " + std::to_string(static_cast<int>(option)) + ": " + curl_easy_strerror(code));
    };
    const std::string address = request.target.text();
    set(CURLOPT_URL, address.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer holds nobody past the connect timeout
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_BUFFERSIZE, 512L * 1024L);
    set(CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024L);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_USERAGENT, "larder/" LARDER_VERSION_STRING);
    if (settings_.timeouts.connect.count() > 0)
      set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings_.timeouts.connect.count()));
    if (!settings_.ca_file.empty()) set(CURLOPT_CAINFO, settings_.ca_file.c_str());
    if (!settings_.use_proxy || request.target.is_loopback()) set(CURLOPT_PROXY, "");  // of loopback a proxy would reach its own, not ours
    if (request.method == "HEAD")
      set(CURLOPT_NOBODY, 1L);
    else if (request.method != "GET")
      set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_HTTPHEADER, headers.get());
    return headers;
  }

  /// libcurl's verdict, or nothing when the time was up or a stop was requested.
  static std::optional<CURLcode> run(const curl_pool::lease& handle, const curl_exchange& exchange, transfer_watch& watch, const std::stop_token& stop) {
    const auto check = [](CURLMcode code) {
      if (code != CURLM_OK) core::fail(error_cause::io, std::string("libcurl fails by itself: ") + curl_multi_strerror(code));
    };
    check(curl_multi_add_handle(handle.multi(), handle.easy()));
    struct remover {
      const curl_pool::lease* handle;
      ~remover() { curl_multi_remove_handle(handle->multi(), handle->easy()); }
    } const removed_at_the_end{&handle};
    const std::stop_callback waking(stop, [&handle] { curl_multi_wakeup(handle.multi()); });
    for (;;) {
      int running = 0;
      check(curl_multi_perform(handle.multi(), &running));
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(handle.multi(), &left))
        if (message->msg == CURLMSG_DONE) return message->data.result;
      if (stop.stop_requested()) return std::nullopt;
      const std::optional<int> wait = watch.look(exchange.progress(), transfer_watch::clock::now());
      if (!wait) return std::nullopt;
      check(curl_multi_poll(handle.multi(), nullptr, 0, *wait, nullptr));
    }
  }

  [[noreturn]] static void fail_transfer(const http_request& request, CURLcode code, bool answered) {
    error_cause cause = error_cause::network;
    std::string advice;
    bool lasts = false;
    switch (code) {
      case CURLE_OPERATION_TIMEDOUT:
        cause = error_cause::timeout;
        break;
      case CURLE_COULDNT_CONNECT:
        advice = "; is the server running and the port right?";
        break;
      case CURLE_PEER_FAILED_VERIFICATION:
        advice = "; the server's certificate is not trusted, name its authority in ca_file";
        lasts = true;
        break;
      case CURLE_SSL_CACERT_BADFILE:
        cause = error_cause::invalid_argument;
        advice = "; check ca_file";
        break;
      case CURLE_OUT_OF_MEMORY:
        cause = error_cause::io;
        break;
      case CURLE_UNSUPPORTED_PROTOCOL:
      case CURLE_WEIRD_SERVER_REPLY:
      case CURLE_BAD_CONTENT_ENCODING:
        cause = error_cause::server;
        break;
      default:
        break;
    }
    const std::string message = subject(request) + (answered ? " broke off: " : " failed: ") + curl_easy_strerror(code) + advice;
    if (lasts) throw send_error(cause, message, 1, true);
    core::fail(cause, message);
  }

  curl_library library_;  // first: the handles need it
  transport_settings settings_;
  curl_pool pool_;
};

}  // namespace larder::remote
