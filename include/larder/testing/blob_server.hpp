#pragma once

// A blob server inside the process, for tests, demonstrations and benchmarks: real HTTP/1.1 over loopback, objects in
// memory, faults by script, a bandwidth that can be fixed. One thread per connection. Not for production: it knows no
// TLS, no deadlines for slow clients and no quota.

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/range.hpp>
#include <larder/testing/blob_answers.hpp>
#include <larder/testing/blob_tree.hpp>
#include <larder/testing/fault.hpp>
#include <larder/testing/http_conversation.hpp>
#include <larder/testing/loopback_server.hpp>
#include <larder/testing/paced_line.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/field.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::testing {

struct blob_server_options {
  bool plain = false;                  ///< a store without WebDAV: 405 for MOVE, MKCOL, PROPFIND; no collections to make
  std::string authorization{};         ///< the `Authorization` that each request must carry, else 401
  std::uint64_t bytes_per_second = 0;  ///< of all answers' bodies together; 0: unlimited
  std::size_t max_connections = 64;    ///< further ones wait to be accepted
};

/// Counts since the server started.
struct blob_server_counts {
  std::map<std::string, std::uint64_t> requests;  ///< by method
  std::uint64_t connections = 0;
  std::uint64_t body_bytes_in = 0;
  std::uint64_t body_bytes_out = 0;
  std::map<std::uint64_t, std::uint64_t> ranges;  ///< requests for a range, by its first byte

  std::uint64_t operator[](const std::string& method) const {
    const auto at = requests.find(method);
    return at == requests.end() ? 0 : at->second;
  }
};

/// Serves from construction to destruction, on 127.0.0.1 and a port of the system's choice: GET (one range), HEAD, PUT,
/// DELETE, MKCOL, MOVE, PROPFIND (depth 0 and 1), ETags with If-Match and If-None-Match, keep-alive. Every member may be
/// called from any thread.
class blob_server {
 public:
  explicit blob_server(blob_server_options options = {})
      : options_(std::move(options)),
        answers_({options_.plain, options_.authorization}),
        bytes_per_second_(options_.bytes_per_second),
        server_([this](tcp::socket& socket) { serve(socket); }, options_.max_connections) {}
  blob_server(const blob_server&) = delete;
  blob_server& operator=(const blob_server&) = delete;

  std::uint16_t port() const noexcept { return server_.port(); }
  /// `http://127.0.0.1:port`, the root of everything.
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

  /// The next requests meet this fault, after those that were injected before.
  void inject(fault f) { faults_.add(std::move(f)); }
  void clear_faults() { faults_.clear(); }
  std::size_t pending_faults() const { return faults_.pending(); }
  /// Lets the answers go on that a `stall` or a `black_hole` holds now; their connections are closed.
  void release() { server_.release(); }
  /// Fixes the bandwidth of all answers together from now on; 0 lifts it.
  void throttle(std::uint64_t bytes_per_second) { bytes_per_second_.store(bytes_per_second, std::memory_order_relaxed); }

  blob_server_counts counts() const {
    const std::lock_guard guard(mutex_);
    blob_server_counts now = counts_;
    now.connections = server_.connections();
    return now;
  }

  /// The object at a path (`/models/a`), without a request.
  std::optional<bytes> object(const std::string& path) const {
    const std::optional<blob_tree::object> found = answers_.tree().find(path);
    return found ? std::optional<bytes>(found->content) : std::nullopt;
  }
  /// Stores an object at a path, and the collections above it, without a request.
  void store(const std::string& path, bytes content) {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos && !options_.plain; slash = path.find('/', slash + 1))
      answers_.tree().make_collection(path.substr(0, slash));
    answers_.tree().put(path, std::move(content), {});
  }
  bool erase(const std::string& path) { return answers_.tree().erase(path); }
  /// The paths of all objects, sorted.
  std::vector<std::string> paths() const { return answers_.tree().paths(); }

 private:
  using tcp = boost::asio::ip::tcp;
  using clock = std::chrono::steady_clock;
  using request = blob_answers::request;
  using answer = blob_answers::answer;

  void serve(tcp::socket& socket) {
    serve_requests(socket, [&](request asked) { return respond(socket, std::move(asked)); });
  }

  /// False when the connection is over.
  bool respond(tcp::socket& socket, request asked) {
    const std::string method(asked.method_string());
    const std::string_view range(asked[boost::beast::http::field::range].data(), asked[boost::beast::http::field::range].size());
    const std::optional<std::uint64_t> range_from =
        range.starts_with("bytes=") ? remote::parse_count(range.substr(6, range.find('-') - std::min<std::size_t>(range.find('-'), 6))) : std::nullopt;
    {
      const std::lock_guard guard(mutex_);
      ++counts_.requests[method];
      if (range_from) ++counts_.ranges[*range_from];
      counts_.body_bytes_in += asked.body().size();
    }
    const fault met = faults_.next(method, range_from).value_or(fault{.times = 0});
    const bool meets = met.times != 0;
    const bool keep = asked.keep_alive();
    if (meets) switch (met.kind) {
        case fault_kind::close:
          return false;
        case fault_kind::black_hole:
          server_.stall(socket);
          return false;
        case fault_kind::verbatim:
          return send_text(socket, met.reply) && met.keep_connection;
        case fault_kind::status:
        case fault_kind::redirect:
          return send_text(socket, short_answer(met, keep)) && keep;
        case fault_kind::ignore_range:
          asked.erase(boost::beast::http::field::range);
          break;
        default:
          break;
      }
    const answer ready = answers_.handle(method, asked);
    if (meets && met.kind == fault_kind::lose_answer) return false;
    return send(socket, ready, method, keep, meets ? &met : nullptr);
  }

  bool send(tcp::socket& socket, const answer& ready, const std::string& method, bool keep, const fault* met) {
    const auto meets = [&](fault_kind kind) { return met != nullptr && met->kind == kind; };
    std::string head = "HTTP/1.1 " + std::to_string(ready.status) + " -\r\n";
    for (const auto& [name, value] : ready.headers) head += name + ": " + value + "\r\n";
    if (ready.status != 204 && ready.status != 304)
      head += "Content-Length: " + std::to_string(ready.length.value_or(ready.body.size())) + "\r\n";
    if (meets(fault_kind::header_lines)) head += met->reply;
    head += keep ? "\r\n" : "Connection: close\r\n\r\n";
    const std::size_t size = method == "HEAD" ? 0 : ready.body.size();
    if (meets(fault_kind::delay) && !server_.wait_until(socket, clock::now() + met->pause)) return false;
    const bool breaks = meets(fault_kind::stall) || meets(fault_kind::reset);
    if (!breaks || met->after != 0) {
      if (!send_text(socket, head)) return false;
      const std::size_t sent = breaks || meets(fault_kind::truncate) ? std::min(met->after, size) : size;
      paced_line own(meets(fault_kind::slow) ? met->bytes_per_second : 0);
      if (!send_body(socket, ready.body.span().first(sent), meets(fault_kind::flip_byte) ? met->after : size, own)) return false;
    }
    if (meets(fault_kind::stall)) server_.stall(socket);
    if (meets(fault_kind::reset)) server_.reset(socket);
    return keep && !breaks && !meets(fault_kind::truncate);
  }

  /// In slices, so that bandwidth is shared and a flipped byte copies no more than its slice.
  bool send_body(tcp::socket& socket, std::span<const std::byte> body, std::size_t flipped, paced_line& own) {
    constexpr std::size_t free_slice = std::size_t{1} << 20U;
    constexpr std::size_t paced_slice = std::size_t{64} << 10U;
    for (std::size_t at = 0; at < body.size();) {
      const std::uint64_t rate = bytes_per_second_.load(std::memory_order_relaxed);
      const std::size_t n = std::min(body.size() - at, rate == 0 && own.bytes_per_second == 0 ? free_slice : paced_slice);
      if (!server_.wait_until(socket, turn_of(n, rate)) || !server_.wait_until(socket, own.turn_of(n))) return false;
      std::vector<std::byte> damaged;
      std::span<const std::byte> slice = body.subspan(at, n);
      if (flipped >= at && flipped < at + n) {
        damaged.assign(slice.begin(), slice.end());
        damaged[flipped - at] ^= std::byte{1};
        slice = damaged;
      }
      boost::system::error_code failed;
      boost::asio::write(socket, boost::asio::buffer(slice.data(), slice.size()), failed);
      if (failed) return false;
      at += n;
      const std::lock_guard guard(mutex_);
      counts_.body_bytes_out += n;
    }
    return true;
  }

  /// When the next slice has its turn on the line that all answers share.
  clock::time_point turn_of(std::size_t n, std::uint64_t rate) {
    const std::lock_guard guard(mutex_);
    shared_line_.bytes_per_second = rate;
    return shared_line_.turn_of(n);
  }

  blob_server_options options_;
  blob_answers answers_;
  fault_script faults_;
  std::atomic<std::uint64_t> bytes_per_second_;
  mutable std::mutex mutex_;
  blob_server_counts counts_;
  paced_line shared_line_;
  loopback_server server_;  // last: everything above is ready, and outlives it
};

}  // namespace larder::testing
