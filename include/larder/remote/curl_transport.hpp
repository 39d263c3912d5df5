#pragma once

// HTTP/1.1 over libcurl: one pooled handle per request in flight, the calling thread does the work. Bulk transfers are
// within 0.6-1.1 of a bare socket loop and bring TLS, proxies and name look-up that are kept well elsewhere.
// Redirects are never followed (they carry custom headers to other hosts), content is never decoded.
//
// A request that meets a connection that the server has closed meanwhile is sent again by libcurl itself on a fresh one,
// as long as no byte of an answer has come. Every other retry belongs to a transport around this one.

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/version.hpp>
#include <larder/remote/body_sink.hpp>
#include <larder/remote/curl_handle.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/range.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// One request on its way: what libcurl's callbacks read and fill.
class curl_exchange {
 public:
  static constexpr std::size_t max_header_bytes = std::size_t{32} << 10U;
  static constexpr std::size_t max_headers = 100;
  static constexpr std::uint64_t kept_of_a_failure = std::uint64_t{64} << 10U;

  explicit curl_exchange(const http_request& request)
      : request_(&request), sink_(request.method + " " + request.target.printable()), left_(request.has_body ? request.body_size() : 0) {}
  curl_exchange(const curl_exchange&) = delete;
  curl_exchange& operator=(const curl_exchange&) = delete;

  http_response response;
  std::exception_ptr failure;  ///< thrown in a callback, which C must not see
  bool satisfied = false;      ///< stopped on purpose: all that is wanted has come
  bool answered = false;       ///< a byte of the answer has come
  std::uint64_t moved = 0;     ///< bytes in either direction, for the watch over stalls

  bool sending() const noexcept { return left_ > 0; }

  void attach(CURL* easy) {
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    if (!request_->has_body) return;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_->body_size()));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, this);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
  }

  void finish() { response.body = std::move(sink_).take(); }

 private:
  template <class F>
  static bool guarded(curl_exchange& self, F&& f) noexcept {
    try {
      return f();
    } catch (...) {
      self.failure = std::current_exception();
      return false;
    }
  }

  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) noexcept {
    auto& self = *static_cast<curl_exchange*>(user);
    self.moved += size;
    const bool more = guarded(self, [&] {
      if (self.sink_.write({reinterpret_cast<const std::byte*>(data), size})) return true;
      self.satisfied = true;
      return false;
    });
    return more ? size : size + 1;  // anything but `size` stops the transfer
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) noexcept {
    auto& self = *static_cast<curl_exchange*>(user);
    self.moved += size;
    self.answered = true;
    return guarded(self, [&] {
      self.take_header({data, size});
      return true;
    })
               ? size
               : size + 1;
  }

  static std::size_t on_read(char* to, std::size_t, std::size_t room, void* user) noexcept {
    auto& self = *static_cast<curl_exchange*>(user);
    std::size_t done = 0;
    while (done < room && self.part_ < self.request_->body.size()) {
      const bytes& part = self.request_->body[self.part_];
      const std::size_t n = std::min(room - done, part.size() - self.at_);
      if (n != 0) std::memcpy(to + done, part.data() + self.at_, n);
      done += n;
      self.at_ += n;
      if (self.at_ < part.size()) break;
      ++self.part_;
      self.at_ = 0;
    }
    self.moved += done;
    self.left_ -= done;
    return done;
  }

  static int on_seek(void* user, curl_off_t offset, int origin) noexcept {
    auto& self = *static_cast<curl_exchange*>(user);
    if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
    auto rest = static_cast<std::uint64_t>(offset);
    const std::uint64_t whole = self.request_->body_size();
    if (rest > whole) return CURL_SEEKFUNC_FAIL;
    self.left_ = whole - rest;
    self.part_ = 0;
    while (self.part_ < self.request_->body.size() && rest >= self.request_->body[self.part_].size())
      rest -= self.request_->body[self.part_++].size();
    self.at_ = static_cast<std::size_t>(rest);
    return CURL_SEEKFUNC_OK;
  }

  [[noreturn]] void malformed(std::string_view why) const {
    core::fail(error_cause::server, request_->method + " " + request_->target.printable() + " was answered " + std::string(why) +
                                        "; is this the right server?");
  }

  void take_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > max_header_bytes) malformed("with more than " + std::to_string(max_header_bytes) + " bytes of headers");
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    if (in_trailer_) return;
    if (line.starts_with("HTTP/")) {  // also after an interim answer: what came before is not the answer
      response.headers.clear();
      const std::size_t space = line.find(' ');
      const auto status = space == std::string_view::npos ? std::nullopt : parse_count(line.substr(space + 1, 3));
      if (!status || *status < 100 || *status > 599) malformed("with no status");
      response.status = static_cast<int>(*status);
      return;
    }
    if (line.empty()) {
      if (response.status >= 200) begin_body();
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) malformed("with a header that has no colon");
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    std::string name;
    for (const char c : line.substr(0, colon)) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (response.headers.size() == max_headers) malformed("with more than " + std::to_string(max_headers) + " headers");
    response.headers.push_back({std::move(name), value});
  }

  void begin_body() {
    in_trailer_ = true;
    if (const auto encoding = response.header("content-encoding"); encoding && *encoding != "identity" && !encoding->empty())
      malformed("with an encoded body although none was asked for");
    std::optional<std::uint64_t> announced;
    for (const http_header& h : response.headers)
      if (h.name == "content-length") {
        const auto length = parse_count(h.value.reveal());
        if (!length || (announced && *announced != *length)) malformed("with a Content-Length that cannot be trusted");
        announced = length;
      }
    if (response.header("transfer-encoding") || request_->method == "HEAD") announced.reset();
    constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
    if (response.status >= 300)
      sink_.begin(announced, 0, kept_of_a_failure, kept_of_a_failure);
    else if (request_->range && response.status == 206)
      sink_.begin(announced, 0, all, std::min(request_->range->size, request_->max_body));
    else if (request_->range) {
      response.cut = true;
      sink_.begin(announced, request_->range->offset, request_->range->size, request_->max_body);
    } else
      sink_.begin(announced, 0, all, request_->max_body);
  }

  const http_request* request_;
  body_sink sink_;
  std::size_t header_bytes_ = 0;
  bool in_trailer_ = false;
  std::size_t part_ = 0;  // upload: the next byte is body[part_][at_]
  std::size_t at_ = 0;
  std::uint64_t left_;
};

/// The watch over one request's time: gaps, a crawling average, and the whole.
class transfer_watch {
 public:
  using clock = std::chrono::steady_clock;

  explicit transfer_watch(const remote_timeouts& limits) : limits_(&limits), start_(clock::now()), last_(start_), period_(start_) {}

  /// Milliseconds until the next look is due; nothing when the time is up, and `reason()` says which time.
  std::optional<int> look(const curl_exchange& exchange) {
    const clock::time_point now = clock::now();
    if (exchange.moved != moved_) {
      moved_ = exchange.moved;
      last_ = now;
    }
    const bool waiting = !exchange.answered && !exchange.sending();
    next_ = clock::time_point::max();
    if (over(start_, limits_->total, now)) return stop("the whole request took longer than ", limits_->total);
    if (waiting && over(last_, limits_->first_byte, now)) return stop("no answer began within ", limits_->first_byte);
    if (waiting || limits_->stall.count() <= 0) {
      period_ = now;
      period_moved_ = moved_;
    } else {
      if (over(last_, limits_->stall, now)) return stop("no byte moved for ", limits_->stall);
      if (over(period_, limits_->stall, now)) {
        const auto least = static_cast<double>(limits_->slowest) * std::chrono::duration<double>(now - period_).count();
        if (static_cast<double>(moved_ - period_moved_) < least)
          return stop("less than " + std::to_string(limits_->slowest) + " bytes per second came for ", limits_->stall);
        period_ = now;
        period_moved_ = moved_;
      }
    }
    if (next_ == clock::time_point::max()) return 1000;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_ - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(wait, 1, 1000));
  }
  const std::string& reason() const noexcept { return reason_; }

 private:
  bool over(clock::time_point since, std::chrono::milliseconds limit, clock::time_point now) {
    if (limit.count() <= 0) return false;
    if (now - since >= limit) return true;
    next_ = std::min(next_, since + limit);
    return false;
  }
  std::optional<int> stop(const std::string& what, std::chrono::milliseconds limit) {
    reason_ = what + std::to_string(limit.count()) + " ms";
    return std::nullopt;
  }

  const remote_timeouts* limits_;
  clock::time_point start_, last_, period_, next_;
  std::uint64_t moved_ = 0;
  std::uint64_t period_moved_ = 0;
  std::string reason_;
};

/// An `http_transport`. Construction needs no network.
class curl_transport {
 public:
  explicit curl_transport(transport_settings settings) : settings_(std::move(settings)) {}

  /// Sends and waits for the whole answer; throws `larder::error` when none comes in time or whole.
  http_response send(const http_request& request) {
    const curl_pool::lease handle = pool_.take();
    curl_exchange exchange(request);
    const curl_list headers = prepare(handle.easy(), request);
    exchange.attach(handle.easy());

    transfer_watch watch(settings_.timeouts);
    const std::optional<CURLcode> code = run(handle, exchange, watch);
    if (exchange.failure) std::rethrow_exception(exchange.failure);
    if (!code) core::fail(error_cause::timeout, subject(request) + " timed out: " + watch.reason());
    if (*code != CURLE_OK && !exchange.satisfied) fail_transfer(request, *code, exchange.answered);
    if (exchange.response.status < 200) core::fail(error_cause::network, subject(request) + " got no final answer");
    exchange.finish();
    return std::move(exchange.response);
  }

 private:
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
    list.release();
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
      headers.release();
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
    if (request.target.is_loopback()) set(CURLOPT_PROXY, "");  // a proxy would reach its own loopback, not ours
    if (request.method == "HEAD")
      set(CURLOPT_NOBODY, 1L);
    else if (request.method != "GET")
      set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_HTTPHEADER, headers.get());
    return headers;
  }

  /// libcurl's verdict, or nothing when the time was up.
  static std::optional<CURLcode> run(const curl_pool::lease& handle, const curl_exchange& exchange, transfer_watch& watch) {
    const auto check = [](CURLMcode code) {
      if (code != CURLM_OK) core::fail(error_cause::io, std::string("libcurl fails by itself: ") + curl_multi_strerror(code));
    };
    check(curl_multi_add_handle(handle.multi(), handle.easy()));
    struct remover {
      const curl_pool::lease* handle;
      ~remover() { curl_multi_remove_handle(handle->multi(), handle->easy()); }
    } const removed_at_the_end{&handle};
    for (;;) {
      int running = 0;
      check(curl_multi_perform(handle.multi(), &running));
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(handle.multi(), &left))
        if (message->msg == CURLMSG_DONE) return message->data.result;
      const std::optional<int> wait = watch.look(exchange);
      if (!wait) return std::nullopt;
      check(curl_multi_poll(handle.multi(), nullptr, 0, *wait, nullptr));
    }
  }

  [[noreturn]] static void fail_transfer(const http_request& request, CURLcode code, bool answered) {
    error_cause cause = error_cause::network;
    std::string advice;
    switch (code) {
      case CURLE_OPERATION_TIMEDOUT:
        cause = error_cause::timeout;
        break;
      case CURLE_COULDNT_CONNECT:
        advice = "; is the server running and the port right?";
        break;
      case CURLE_PEER_FAILED_VERIFICATION:
        advice = "; the server's certificate is not trusted, name its authority in ca_file";
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
    core::fail(cause, subject(request) + (answered ? " broke off: " : " failed: ") + curl_easy_strerror(code) + advice);
  }

  curl_library library_;  // first: the handles need it
  transport_settings settings_;
  curl_pool pool_;
};

}  // namespace larder::remote
