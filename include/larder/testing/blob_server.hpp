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

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
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
        acceptor_(context_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        port_(acceptor_.local_endpoint().port()),
        bytes_per_second_(options_.bytes_per_second),
        accepting_([this] { accept(); }) {}
  blob_server(const blob_server&) = delete;
  blob_server& operator=(const blob_server&) = delete;
  ~blob_server() {
    {
      const std::lock_guard guard(mutex_);
      stopping_ = true;
      for (const std::unique_ptr<connection>& c : connections_) c->shut();
    }
    changed_.notify_all();
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);  // wakes the accept on Linux
    boost::system::error_code ignored;
    tcp::socket(context_).connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port_), ignored);  // and elsewhere
    accepting_.join();
    for (const std::unique_ptr<connection>& c : connections_) c->thread.join();
  }

  std::uint16_t port() const noexcept { return port_; }
  /// `http://127.0.0.1:port`, the root of everything.
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// The next requests meet this fault, after those that were injected before.
  void inject(fault f) { faults_.add(std::move(f)); }
  void clear_faults() { faults_.clear(); }
  std::size_t pending_faults() const { return faults_.pending(); }
  /// Lets the answers go on that a `stall` holds now; their connections are closed.
  void release() {
    {
      const std::lock_guard guard(mutex_);
      ++released_;
    }
    changed_.notify_all();
  }
  /// Fixes the bandwidth of all answers together from now on; 0 lifts it.
  void throttle(std::uint64_t bytes_per_second) { bytes_per_second_.store(bytes_per_second, std::memory_order_relaxed); }

  blob_server_counts counts() const {
    const std::lock_guard guard(mutex_);
    return counts_;
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
  using request = blob_answers::request;
  using answer = blob_answers::answer;

  struct connection {
    explicit connection(tcp::socket s) : socket(std::move(s)) {}
    void shut() noexcept { ::shutdown(socket.native_handle(), SHUT_RDWR); }
    tcp::socket socket;
    std::thread thread;
    bool done = false;  // under mutex_
  };
  void accept() {
    for (;;) {
      tcp::socket socket(context_);
      boost::system::error_code failed;
      acceptor_.accept(socket, failed);
      std::unique_lock guard(mutex_);
      if (stopping_) return;
      if (failed) continue;
      const auto sweep = [this] {
        connections_.remove_if([](const std::unique_ptr<connection>& c) {
          if (c->done) c->thread.join();
          return c->done;
        });
        return connections_.size() < options_.max_connections;
      };
      changed_.wait(guard, [&] { return stopping_ || sweep(); });
      if (stopping_) return;
      socket.set_option(tcp::no_delay(true), failed);
      ++counts_.connections;
      connection& fresh = *connections_.emplace_back(std::make_unique<connection>(std::move(socket)));
      fresh.thread = std::thread([this, &fresh] {
        serve(fresh.socket);
        const std::lock_guard done(mutex_);
        fresh.shut();
        fresh.done = true;
        changed_.notify_all();
      });
    }
  }

  void serve(tcp::socket& socket) {
    namespace http = boost::beast::http;
    boost::beast::flat_buffer buffer;
    boost::system::error_code failed;
    for (;;) {
      http::request_parser<http::string_body> parser;
      parser.body_limit(boost::none);
      http::read_header(socket, buffer, parser, failed);
      if (failed) return;
      if (parser.get()[http::field::expect] == "100-continue" && !send_raw(socket, "HTTP/1.1 100 Continue\r\n\r\n")) return;
      http::read(socket, buffer, parser, failed);
      if (failed) return;
      if (!respond(socket, parser.release())) return;
    }
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
    const std::optional<fault> met = faults_.next(method, range_from);
    const bool keep = asked.keep_alive();
    if (met && met->kind == fault_kind::close) return false;
    if (met && met->kind == fault_kind::verbatim) {
      send_raw(socket, met->reply);
      return false;
    }
    if (met && met->kind == fault_kind::status) return send(socket, {.status = met->status}, method, keep, nullptr);
    if (met && met->kind == fault_kind::ignore_range) asked.erase(boost::beast::http::field::range);
    const answer ready = answers_.handle(method, asked);
    if (met && met->kind == fault_kind::lose_answer) return false;
    return send(socket, ready, method, keep, met ? &*met : nullptr);
  }

  bool send(tcp::socket& socket, const answer& ready, const std::string& method, bool keep, const fault* met) {
    std::string head = "HTTP/1.1 " + std::to_string(ready.status) + " -\r\n";
    for (const auto& [name, value] : ready.headers) head += name + ": " + value + "\r\n";
    if (ready.status != 204 && ready.status != 304)
      head += "Content-Length: " + std::to_string(ready.length.value_or(ready.body.size())) + "\r\n";
    head += keep ? "\r\n" : "Connection: close\r\n\r\n";
    const std::size_t size = method == "HEAD" ? 0 : ready.body.size();
    const bool stalls = met != nullptr && met->kind == fault_kind::stall;
    if (stalls && met->after == 0) {
      stall();
      return false;
    }
    if (!send_raw(socket, head)) return false;
    const bool cut = stalls || (met != nullptr && met->kind == fault_kind::truncate);
    if (!send_body(socket, ready.body.span().first(cut ? std::min(met->after, size) : size),
                   met != nullptr && met->kind == fault_kind::flip_byte ? met->after : size))
      return false;
    if (stalls) stall();
    return keep && !cut;
  }

  /// In slices, so that bandwidth is shared and a flipped byte copies no more than its slice.
  bool send_body(tcp::socket& socket, std::span<const std::byte> body, std::size_t flipped) {
    constexpr std::size_t free_slice = std::size_t{1} << 20U;
    constexpr std::size_t paced_slice = std::size_t{64} << 10U;
    for (std::size_t at = 0; at < body.size();) {
      const bool paced = bytes_per_second_.load(std::memory_order_relaxed) != 0;
      const std::size_t n = std::min(body.size() - at, paced ? paced_slice : free_slice);
      if (!wait_for_bandwidth(n)) return false;
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

  /// Waits for this slice's turn on the line that all answers share; false when the server stops.
  bool wait_for_bandwidth(std::size_t n) {
    const std::uint64_t rate = bytes_per_second_.load(std::memory_order_relaxed);
    if (rate == 0) return true;
    std::unique_lock guard(mutex_);
    // A sender that was woken late catches up, so that the bandwidth is kept on a busy machine too.
    constexpr std::chrono::milliseconds catch_up{50};
    line_free_ = std::max(line_free_, std::chrono::steady_clock::now() - catch_up) +
                 std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 * static_cast<double>(n) / static_cast<double>(rate)));
    return !changed_.wait_until(guard, std::chrono::steady_clock::time_point(line_free_), [this] { return stopping_; });
  }

  void stall() {
    std::unique_lock guard(mutex_);
    const std::uint64_t seen = released_;
    changed_.wait(guard, [&] { return stopping_ || released_ != seen; });
  }

  bool send_raw(tcp::socket& socket, std::string_view text) {
    boost::system::error_code failed;
    boost::asio::write(socket, boost::asio::buffer(text.data(), text.size()), failed);
    return !failed;
  }

  blob_server_options options_;
  blob_answers answers_;
  fault_script faults_;
  boost::asio::io_context context_;
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::atomic<std::uint64_t> bytes_per_second_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::unique_ptr<connection>> connections_;
  blob_server_counts counts_;
  std::chrono::steady_clock::time_point line_free_{};
  std::uint64_t released_ = 0;
  bool stopping_ = false;
  std::thread accepting_;  // last: everything above is ready
};

}  // namespace larder::testing
