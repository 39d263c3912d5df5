#pragma once

// A server whose answers are a function: for tests of clients that speak some service's words over HTTP. Real HTTP/1.1 over
// loopback, one thread per connection. Where the service is a store of objects, `blob_server` already knows the answers.

#include <larder/testing/http_conversation.hpp>
#include <larder/testing/loopback_server.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::testing {

/// A request as it came.
struct scripted_request {
  std::string method;
  std::string target;                                          ///< path and query, as sent
  std::vector<std::pair<std::string, std::string>> headers{};  ///< names in lower case, in the order in which they came
  std::string body{};

  /// The first header of that name (in lower case), or nothing.
  std::optional<std::string> header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return std::nullopt;
  }
  std::string_view path() const noexcept { return std::string_view(target).substr(0, target.find('?')); }
  /// What follows the `?`; empty without one.
  std::string_view query() const noexcept {
    const std::size_t mark = target.find('?');
    return mark == std::string::npos ? std::string_view{} : std::string_view(target).substr(mark + 1);
  }
};

/// An answer. Content-Length is added unless a header of that name (in any case) or Transfer-Encoding is given; no body goes
/// out for HEAD, 204 and 304.
struct scripted_answer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  bool close = false;  ///< close the connection afterwards, and say so
  std::optional<std::string>
      verbatim{};  ///< sent instead of all that, head and all, then the connection is closed; empty: closed without a word
};

/// Serves from construction to destruction, on 127.0.0.1 and a port of the system's choice. `script` is called from the
/// threads of the connections, from several at once when there are several; what it throws is answered 500. It must
/// return before the server can be destroyed. Every member may be called from any thread.
class scripted_server {
 public:
  using script = std::function<scripted_answer(const scripted_request&)>;

  explicit scripted_server(script answers)
      : answers_(std::move(answers)),
        server_([this](tcp::socket& socket) { serve(socket); }, std::numeric_limits<std::size_t>::max()) {}
  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;

  std::uint16_t port() const noexcept { return server_.port(); }
  /// `http://127.0.0.1:port`, without a slash at its end.
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

  /// All requests so far, in the order in which they were read whole; each is there before the script sees it.
  std::vector<scripted_request> requests() const {
    const std::lock_guard guard(mutex_);
    return seen_;
  }
  std::size_t count() const {
    const std::lock_guard guard(mutex_);
    return seen_.size();
  }
  std::size_t connections() const { return static_cast<std::size_t>(server_.connections()); }
  /// Waits until so many requests have come; false when they have not within the limit.
  bool wait_for(std::size_t count, std::chrono::milliseconds at_most = std::chrono::seconds(20)) const {
    std::unique_lock guard(mutex_);
    return changed_.wait_for(guard, at_most, [&] { return seen_.size() >= count; });
  }
  /// Closes what connections are open now, also in the middle of an answer.
  void drop_connections() { server_.drop_connections(); }

 private:
  using tcp = boost::asio::ip::tcp;

  void serve(tcp::socket& socket) {
    serve_requests(socket, [&](auto message) { return respond(socket, std::move(message)); });
  }

  /// False when the connection is over.
  bool respond(tcp::socket& socket, boost::beast::http::request<boost::beast::http::string_body> message) {
    const bool keep = message.keep_alive();
    scripted_request asked{std::string(message.method_string()), std::string(message.target()), {}, std::move(message.body())};
    for (const auto& field : message.base()) asked.headers.emplace_back(lower(field.name_string()), std::string(field.value()));
    {
      const std::lock_guard guard(mutex_);
      seen_.push_back(asked);
    }
    changed_.notify_all();
    scripted_answer ready;
    try {
      ready = answers_(asked);
    } catch (const std::exception& thrown) {
      ready = {.status = 500, .body = thrown.what()};
    }
    if (ready.verbatim) {
      send_text(socket, *ready.verbatim);
      return false;
    }
    std::string text = "HTTP/1.1 " + std::to_string(ready.status) + " -\r\n";
    bool framed = ready.status == 204 || ready.status == 304;
    for (const auto& [name, value] : ready.headers) {
      text += name + ": " + value + "\r\n";
      framed = framed || lower(name) == "content-length" || lower(name) == "transfer-encoding";
    }
    if (!framed) text += "Content-Length: " + std::to_string(ready.body.size()) + "\r\n";
    const bool goes_on = keep && !ready.close;
    text += goes_on ? "\r\n" : "Connection: close\r\n\r\n";
    if (asked.method != "HEAD" && ready.status != 204 && ready.status != 304) text += ready.body;
    return send_text(socket, text) && goes_on;
  }

  static std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
  }

  script answers_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<scripted_request> seen_;
  loopback_server server_;  // last: everything above is ready, and outlives it
};

}  // namespace larder::testing
