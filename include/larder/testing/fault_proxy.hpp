#pragma once

// A proxy inside the process, for tests and benchmarks: it stands on loopback between a client and a real server there (nginx,
// Azurite), passes HTTP/1.1 on byte by byte, and does to single requests what networks and overloaded servers do. It knows where a
// message's body begins and ends, no more: what it does not damage, it does not touch. One thread per connection, and for each
// connection of a client one to the server. Plain http only: the faults of TLS need a server that speaks it.

#include <larder/testing/fault.hpp>
#include <larder/testing/loopback_server.hpp>
#include <larder/testing/message_framing.hpp>
#include <larder/testing/paced_line.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::testing {

struct fault_proxy_options {
  std::uint64_t seed = 1;            ///< of what is left to chance
  std::size_t max_connections = 64;  ///< further ones wait to be accepted
};

/// Serves from construction to destruction, on 127.0.0.1 and a port of the system's choice, what the server at `upstream_port` of
/// 127.0.0.1 answers. `stall`, `reset`, `truncate` and `flip_byte` count bytes of content, whatever the framing. Every member may be
/// called from any thread.
class fault_proxy {
 public:
  explicit fault_proxy(std::uint16_t upstream_port, fault_proxy_options options = {})
      : upstream_port_(upstream_port),
        faults_(options.seed),
        server_([this](tcp::socket& client) { serve(client); }, options.max_connections) {}
  fault_proxy(const fault_proxy&) = delete;
  fault_proxy& operator=(const fault_proxy&) = delete;

  std::uint16_t port() const noexcept { return server_.port(); }
  /// `http://127.0.0.1:port`.
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

  /// The next requests meet this fault, after those that were injected before.
  void inject(fault f) { faults_.add(std::move(f)); }
  void clear_faults() { faults_.clear(); }
  std::size_t pending_faults() const { return faults_.pending(); }
  /// Ends what a `stall` or a `black_hole` holds now; the connections are closed.
  void release() { server_.release(); }

  // Counts since the start.
  std::uint64_t connections() const { return server_.connections(); }
  std::uint64_t requests() const noexcept { return requests_.load(std::memory_order_relaxed); }
  std::uint64_t faults_met() const noexcept { return met_.load(std::memory_order_relaxed); }
  /// Bytes of content that went to clients.
  std::uint64_t body_bytes_out() const noexcept { return body_bytes_out_.load(std::memory_order_relaxed); }

 private:
  using tcp = boost::asio::ip::tcp;
  using clock = std::chrono::steady_clock;

  /// The two ends of one client's connection, and what came from each and was not passed on yet.
  struct link {
    tcp::socket& client;
    tcp::socket upstream;
    std::vector<char> from_client;
    std::vector<char> from_upstream;
  };

  void serve(tcp::socket& client) {
    boost::asio::io_context context;
    link l{client, tcp::socket(context), {}, {}};
    boost::system::error_code failed;
    l.upstream.connect({boost::asio::ip::address_v4::loopback(), upstream_port_}, failed);
    if (failed) return;  // as the server would: no answer
    l.upstream.set_option(tcp::no_delay(true), failed);
    while (pass_request(l)) {
    }
  }

  /// One request and its answer; false when the connection is over.
  bool pass_request(link& l) {
    message_framing<true> request;
    std::vector<char> head;
    // A server that closes an idle connection closes the client's, too: otherwise the next request would be lost here.
    if (!read_head(l, request, l.client, l.from_client, head, true)) return false;
    requests_.fetch_add(1, std::memory_order_relaxed);
    const std::optional<fault> met = faults_.next(request.method());
    if (met) {
      met_.fetch_add(1, std::memory_order_relaxed);
      switch (met->kind) {
        case fault_kind::black_hole:
          server_.stall(l.client);
          return false;
        case fault_kind::close:
        case fault_kind::verbatim:
        case fault_kind::status:
        case fault_kind::redirect:
          return answer_here(l, *met, request);
        case fault_kind::ignore_range:
          erase_line(head, "range");
          erase_line(head, "x-ms-range");
          break;
        default:
          break;
      }
    }
    if (!send(l, l.upstream, head)) return false;
    if (!request.is_done() && !request.expects_continue() && !pass_request_body(l, request)) return false;
    return pass_answer(l, request, met ? &*met : nullptr);
  }

  /// Answers without the server. The request's body is read first, so that closing resets nothing; a client that waits for leave
  /// to send it gets its answer instead.
  bool answer_here(link& l, const fault& met, message_framing<true>& request) {
    const bool keep = request.keep_alive() && !request.expects_continue();
    if (!request.expects_continue())
      while (!request.is_done())
        if (!drop_some(l, request)) return false;
    if (met.kind == fault_kind::close) return false;
    if (met.kind == fault_kind::verbatim) return send(l, l.client, met.reply) && met.keep_connection;
    return send(l, l.client, short_answer(met, keep)) && keep;
  }

  bool drop_some(link& l, message_framing<true>& request) {
    if (!l.from_client.empty()) {
      bool failed = false;
      const std::size_t taken = request.take(l.from_client, failed);
      l.from_client.erase(l.from_client.begin(), l.from_client.begin() + static_cast<std::ptrdiff_t>(taken));
      if (failed || taken != 0) return !failed;
    }
    return receive(l, l.client, l.from_client);
  }

  /// False when the connection is over. A server that answers before it has the whole body gets no more of it.
  bool pass_request_body(link& l, message_framing<true>& request) {
    while (!request.is_done()) {
      if (!l.from_client.empty()) {
        bool failed = false;
        const std::size_t taken = request.take(l.from_client, failed);
        if (failed || !send(l, l.upstream, std::span(l.from_client).first(taken))) return false;
        l.from_client.erase(l.from_client.begin(), l.from_client.begin() + static_cast<std::ptrdiff_t>(taken));
        if (taken != 0) continue;
      }
      std::array<pollfd, 2> both{{{l.client.native_handle(), POLLIN, 0}, {l.upstream.native_handle(), POLLIN, 0}}};
      if (::poll(both.data(), both.size(), -1) < 0 && errno != EINTR) return false;
      if (both[1].revents != 0) return true;
      if (!receive(l, l.client, l.from_client)) return false;
    }
    return true;
  }

  /// Interim answers go through as they are; the last one meets the fault.
  bool pass_answer(link& l, message_framing<true>& request, const fault* met) {
    for (;;) {
      message_framing<false> answer;
      if (request.method() == "HEAD") answer.skip(true);
      std::vector<char> head;
      if (!read_head(l, answer, l.upstream, l.from_upstream, head, false)) return false;
      if (answer.status() >= 100 && answer.status() < 200) {
        if (!send(l, l.client, head)) return false;
        if (answer.status() == 100 && !request.is_done() && !pass_request_body(l, request)) return false;
        continue;
      }
      if (met != nullptr && met->kind == fault_kind::lose_answer) {
        while (!answer.is_done() && pass_piece(l, answer, nothing)) {
        }
        return false;
      }
      if (!pass_faulty(l, answer, head, met)) return false;
      return request.is_done() && request.keep_alive() && answer.keep_alive();
    }
  }

  /// False when the connection is over.
  bool pass_faulty(link& l, message_framing<false>& answer, std::vector<char>& head, const fault* met) {
    const auto meets = [&](fault_kind kind) { return met != nullptr && met->kind == kind; };
    const bool breaks = meets(fault_kind::stall) || meets(fault_kind::reset);
    if (meets(fault_kind::delay) && !loopback_server::wait_until(l.client, clock::now() + met->pause)) return false;
    if (meets(fault_kind::header_lines)) head.insert(head.end() - 2, met->reply.begin(), met->reply.end());
    if (!breaks || met->after != 0) {
      if (!send(l, l.client, head)) return false;
      damage plan;
      if (breaks || meets(fault_kind::truncate)) plan.last = met->after;
      if (meets(fault_kind::flip_byte)) plan.flipped = met->after;
      if (meets(fault_kind::slow)) plan.line.bytes_per_second = met->bytes_per_second;
      while (!answer.is_done() && plan.passed < plan.last)
        if (!pass_piece(l, answer, [&](std::span<char> raw) { return send_damaged(l, raw, answer.content(), plan); }))
          return false;
    }
    if (meets(fault_kind::stall)) server_.stall(l.client);
    if (meets(fault_kind::reset)) server_.reset(l.client);
    return !breaks && !meets(fault_kind::truncate);
  }

  struct damage {
    std::uint64_t last = ~std::uint64_t{0};     // no more content than this
    std::uint64_t flipped = ~std::uint64_t{0};  // which byte of it is damaged
    std::uint64_t passed = 0;
    paced_line line;
  };

  static constexpr auto nothing = [](std::span<char>) { return true; };

  /// The next piece of an answer's body: what is taken of it is given to `pass`.
  template <class Pass>
  bool pass_piece(link& l, message_framing<false>& answer, Pass&& pass) {
    if (!l.from_upstream.empty()) {
      bool failed = false;
      const std::size_t taken = answer.take(l.from_upstream, failed);
      if (failed || !pass(std::span(l.from_upstream).first(taken))) return false;
      l.from_upstream.erase(l.from_upstream.begin(), l.from_upstream.begin() + static_cast<std::ptrdiff_t>(taken));
      if (answer.is_done() || taken != 0) return true;
    }
    return receive(l, l.upstream, l.from_upstream) || answer.ended();
  }

  bool send_damaged(link& l, std::span<char> raw, const std::vector<std::string_view>& content, damage& plan) {
    std::size_t end = raw.size();
    std::uint64_t sum = 0;
    for (const std::string_view piece : content) {
      const auto at = static_cast<std::size_t>(piece.data() - raw.data());
      const std::uint64_t first = plan.passed + sum;
      if (plan.flipped >= first && plan.flipped - first < piece.size())
        raw[at + static_cast<std::size_t>(plan.flipped - first)] ^= 1;
      if (plan.last - first <= piece.size()) {  // later pieces are not reached
        end = at + static_cast<std::size_t>(plan.last - first);
        sum = plan.last - plan.passed;
        break;
      }
      sum += piece.size();
    }
    plan.passed += sum;
    constexpr std::size_t paced_slice = std::size_t{16} << 10U;
    for (std::size_t at = 0; at < end;) {
      const std::size_t n = plan.line.bytes_per_second == 0 ? end : std::min(paced_slice, end - at);
      if (!loopback_server::wait_until(l.client, plan.line.turn_of(n)) || !send(l, l.client, raw.subspan(at, n))) return false;
      at += n;
    }
    body_bytes_out_.fetch_add(sum, std::memory_order_relaxed);
    return true;
  }

  /// A whole head into `head`. While it waits for a request it also notices that the server goes.
  template <class Framing>
  bool read_head(link& l, Framing& message, tcp::socket& from, std::vector<char>& buffer, std::vector<char>& head,
                 bool watches_upstream) {
    for (;;) {
      bool failed = false;
      const std::size_t taken = buffer.empty() ? 0 : message.take(buffer, failed);
      if (failed) return false;
      head.insert(head.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(taken));
      buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(taken));
      if (message.is_header_done()) return true;
      if (watches_upstream) {
        std::array<pollfd, 2> both{{{l.client.native_handle(), POLLIN, 0}, {l.upstream.native_handle(), POLLIN, 0}}};
        if (::poll(both.data(), both.size(), -1) < 0 && errno != EINTR) return false;
        if (both[1].revents != 0) return false;
      }
      if (!receive(l, from, buffer)) return false;
    }
  }

  /// More behind what the buffer has; false at the end. A client that goes while the server is waited for ends that, too.
  static bool receive(link& l, tcp::socket& from, std::vector<char>& buffer) {
    constexpr std::size_t most = std::size_t{256} << 10U;
    if (&from == &l.upstream && !ready(l, POLLIN)) return false;
    const std::size_t before = buffer.size();
    buffer.resize(before + most);
    ssize_t got = -1;
    do got = ::recv(from.native_handle(), buffer.data() + before, most, 0);
    while (got < 0 && errno == EINTR);
    buffer.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return got > 0;
  }

  static bool send(link& l, tcp::socket& to, std::span<const char> text) {
    while (!text.empty()) {
      const ssize_t sent =
          ::send(to.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | (&to == &l.upstream ? MSG_DONTWAIT : 0));
      if (sent >= 0)
        text = text.subspan(static_cast<std::size_t>(sent));
      else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (!ready(l, POLLOUT)) return false;
      } else if (errno != EINTR)
        return false;
    }
    return true;
  }

  /// Waits for the server; false when the client goes first.
  static bool ready(link& l, short what) {
    for (;;) {
      std::array<pollfd, 2> both{{{l.client.native_handle(), POLLRDHUP, 0}, {l.upstream.native_handle(), what, 0}}};
      if (::poll(both.data(), both.size(), -1) < 0 && errno != EINTR) return false;
      if (both[1].revents != 0) return true;
      if (both[0].revents != 0) return false;
    }
  }

  /// Takes a header's line out of a head.
  static void erase_line(std::vector<char>& head, std::string_view name) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    const std::string_view text(head.data(), head.size());
    for (std::size_t line = text.find('\n') + 1; line != 0 && line < text.size(); line = text.find('\n', line) + 1) {
      const std::string_view begin = text.substr(line, name.size() + 1);
      if (begin.size() <= name.size() || begin.back() != ':' ||
          !std::equal(name.begin(), name.end(), begin.begin(), [&](char a, char b) { return a == lower(b); }))
        continue;
      head.erase(head.begin() + static_cast<std::ptrdiff_t>(line),
                 head.begin() + static_cast<std::ptrdiff_t>(text.find('\n', line) + 1));
      return;
    }
  }

  std::uint16_t upstream_port_;
  fault_script faults_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> met_{0};
  std::atomic<std::uint64_t> body_bytes_out_{0};
  loopback_server server_;  // last: everything above is ready, and outlives it
};

}  // namespace larder::testing
