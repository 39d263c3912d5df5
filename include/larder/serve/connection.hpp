#pragma once

#include <larder/core/error.hpp>
#include <larder/serve/chunk.hpp>
#include <larder/serve/chunk_address.hpp>
#include <larder/serve/chunk_fill.hpp>
#include <larder/serve/content_answer.hpp>
#include <larder/serve/entity_tag.hpp>
#include <larder/serve/http_date.hpp>
#include <larder/serve/metrics_text.hpp>
#include <larder/serve/orderly_close.hpp>
#include <larder/serve/outgoing_answer.hpp>
#include <larder/serve/request_buffer.hpp>
#include <larder/serve/request_head.hpp>
#include <larder/serve/requested_range.hpp>
#include <larder/serve/response_head.hpp>
#include <larder/serve/server_counts.hpp>
#include <larder/serve/server_state.hpp>
#include <larder/serve/status_json.hpp>
#include <larder/serve/status_page.hpp>
#include <larder/serve/text_answer.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/socket.h>

namespace larder::serve {

/// A client's connection: reads requests, answers one after the other, and never waits. It holds 4 to 40 KiB, and a reference to the chunk
/// that it sends. For one thread, which calls `advance` when the socket or a fill has something new.
class connection {
 public:
  using clock = std::chrono::steady_clock;
  enum class outcome : std::uint8_t {
    waits,   ///< for the socket, or for a fill
    again,   ///< there is more to do, but it is others' turn
    closed,  ///< it is over
  };

  connection(storage::file_descriptor socket, server_state& server, http_date& date, fill_listener& listener, std::uint64_t token,
             clock::time_point now)
      : socket_(std::move(socket)), server_(server), date_(date), listener_(listener), token_(token), since_(now) {}
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection() { server_.counts.add(server_counts::closed); }

  int socket() const noexcept { return socket_.get(); }
  std::uint64_t token() const noexcept { return token_; }

  /// Says that the server is full, and closes.
  void turn_away() {
    server_.counts.add(server_counts::refused);
    refuse(503);
  }
  /// The socket has become readable or writable, as epoll says once; or the client will say no more.
  void note(bool readable, bool writable, bool ended) noexcept {
    ended_ = ended_ || ended;
    readable_ = readable_ || readable || ended_;
    writable_ = writable_ || writable;
  }
  /// Does what can be done now. What throws ends the connection.
  outcome advance(clock::time_point now) {
    constexpr unsigned most = 64;
    for (unsigned answers = 0;;) {
      switch (phase_) {
        case phase::reading:
          if (!read_head(now)) return over_ ? outcome::closed : outcome::waits;
          break;
        case phase::opening:
          if (!see_fill()) return outcome::waits;
          break;
        case phase::sending: {
          const outcome sent = send(now);
          if (sent != outcome::closed || over_) return sent;
          finish_answer(now);
          if (++answers == most) return outcome::again;
          break;
        }
        case phase::lingering: {
          const outcome heard = linger();
          return heard == outcome::waits && stopping_ && all_is_taken(socket_.get()) ? outcome::closed : heard;
        }
      }
    }
  }

  /// `closed` when its time is over, `again` when there is a last word for a client that was too slow to ask.
  outcome check_time(clock::time_point now) {
    const weight_server_settings& s = server_.settings;
    const auto waited = now - since_;
    switch (phase_) {
      case phase::reading: {
        const bool is_idle = buffer_.empty() && answered_;
        if (waited < (is_idle ? s.idle_timeout : s.header_timeout)) return outcome::waits;
        server_.counts.add(server_counts::timed_out);
        if (buffer_.empty()) return outcome::closed;
        since_ = now;
        refuse(408);
        return outcome::again;
      }
      case phase::opening:
        since_ = now;
        return outcome::waits;  // that is not the client's fault, nor is the next
      case phase::sending: {
        if (waiting_for_fill_) {
          since_ = now;
          taken_ = 0;
        }
        if (now - since_ < s.drain_window) return outcome::waits;
        const double needed = static_cast<double>(s.slowest_reader) * std::chrono::duration<double>(now - since_).count();
        const bool is_slow = static_cast<double>(taken_) < needed || taken_ == 0;
        since_ = now;
        taken_ = 0;
        if (is_slow) server_.counts.add(server_counts::too_slow);
        return is_slow ? outcome::closed : outcome::waits;
      }
      case phase::lingering:
        return waited >= lingers || (stopping_ && all_is_taken(socket_.get())) ? outcome::closed : outcome::waits;
    }
    return outcome::closed;
  }
  /// The server ends: `closed` when nothing is on its way here; else the connection ends once the client has its answer.
  outcome stop(clock::time_point now) {
    stopping_ = true;
    keeps_alive_ = false;
    if (phase_ == phase::reading) {
      if (!all_is_taken(socket_.get())) ::shutdown(socket_.get(), SHUT_WR);
      since_ = now;
      phase_ = phase::lingering;
    }
    return phase_ == phase::lingering ? advance(now) : outcome::waits;
  }

 private:
  enum class phase : std::uint8_t {
    reading,    ///< a request's head
    opening,    ///< the request is known, its chunk is not
    sending,    ///< an answer
    lingering,  ///< all is said; the client still has to take it
  };
  static constexpr std::uint64_t turn = std::uint64_t{4} << 20U;  // bytes that are sent before it is others' turn
  static constexpr std::chrono::seconds lingers{2};

  // ---------------------------------------------------------------------------------------------- reading

  /// True when a request, or the refusal of one, is there to be answered.
  bool read_head(clock::time_point now) {
    for (;;) {
      if (const int refusal = scan_.read(buffer_.text(), server_.settings.request); refusal != 0) return refuse(refusal), true;
      if (scan_.end() != 0) {
        answer(buffer_.text().substr(0, scan_.end()));
        since_ = now;
        return true;
      }
      if (!readable_) return false;
      const bool was_empty = buffer_.empty();
      const std::span<char> room = buffer_.room(server_.settings.request.head + 1);
      const ssize_t got = storage::uninterrupted([&] { return ::recv(socket_.get(), room.data(), room.size(), 0); });
      if (got > 0) {
        if (was_empty && answered_) since_ = now;
        buffer_.add(static_cast<std::size_t>(got));
        if (static_cast<std::size_t>(got) < room.size()) readable_ = ended_;  // what comes later is told again
      } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
        over_ = true;
        return false;
      } else {
        readable_ = false;
      }
    }
  }

  // -------------------------------------------------------------------------------------------- answering

  void answer(std::string_view head) {
    request_head request;
    if (const int refusal = parse_head(head, request); refusal != 0) return refuse(refusal);
    head_only_ = request.method == "HEAD";
    keeps_alive_ = request.keeps_alive && !stopping_;
    if (request.has_body) keeps_alive_ = false;
    if (!head_only_ && request.method != "GET") return refuse(405);
    if (request.has_body) return refuse(400);
    std::string_view target = request.target.substr(0, request.target.find('?'));
    if (target == "/healthz") return say(200, "text/plain; charset=utf-8", "ok\n");
    if (!server_.access.admits(request.authorization)) return refuse(401);
    if (!server_.access.required() && !may_be_asked_for_as(request.host)) return refuse(421);
    try {
      if (target == "/") return say(200, "text/html; charset=utf-8", std::string(status_page));
      if (target == "/metrics") return say(200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(server_));
      if (target == "/status.json") return say(200, "application/json", status_json(server_));
      const std::optional<chunk_address> asked = parse_chunk_target(target);
      if (!asked) return refuse(is_target_of_names(target) ? 404 : 400);
      answer_chunk(request, *asked);
    } catch (const error&) {  // the directory cannot be read
      refuse(500);
    }
  }

  void answer_chunk(const request_head& request, const chunk_address& asked) {
    if (head_only_ || !request.if_none_match.empty()) {
      const std::optional<served_chunks::outline> seen = server_.chunks.look_at(asked);
      if (seen) {
        const condition_result met = meet_conditions(request, seen->etag);
        if (head_only_ || met == condition_result::not_modified) {
          describe(asked, {met, {content_part::kind::whole, 0, seen->size}, seen->etag, seen->size}, {});
          return;
        }
      } else if (!asked.content || !server_.settings.tier) {
        return refuse(404);
      }
    }
    served_chunks::found found = server_.chunks.find(asked);
    came_from_ = found.content ? (found.joined ? "joined" : "hit") : (found.joined ? "joined" : "miss");
    if (found.content) return begin(request, asked, std::move(found.content));
    fill_ = std::move(found.fill);
    phase_ = phase::opening;
  }

  /// Of a chunk that was not in memory: true when it is known now.
  bool see_fill() {
    for (;;) {
      const chunk_fill::progress seen = fill_->look();
      request_head request;
      parse_head(buffer_.text().substr(0, scan_.end()), request);
      // An answer without a byte of the content has no last one to hold back: it waits for the digest as a whole.
      const bool is_empty =
          seen.state == fill_state::flowing && answered_part(request, seen.content->etag, seen.content->size).size == 0;
      if (seen.state == fill_state::opening || is_empty) {
        if (fill_->tell_when_changed(seen, listener_, token_)) return false;
        continue;
      }
      if (seen.state == fill_state::failed) {
        fill_.reset();
        refuse(status_of(seen.failure));
        return true;
      }
      if (seen.state == fill_state::whole) fill_.reset();
      begin(request, *parse_chunk_target(request.target.substr(0, request.target.find('?'))), seen.content);
      return true;
    }
  }

  static int status_of(fill_failure why) noexcept {
    if (why == fill_failure::no_room) return 503;
    return why == fill_failure::unreadable ? 500 : 404;  // damaged: what the name says is not there
  }

  /// Says what the conditions and the range leave of a chunk.
  void begin(const request_head& request, const chunk_address& asked, std::shared_ptr<const chunk> content) {
    content->uses.fetch_add(1, std::memory_order_relaxed);
    const content_part part = answered_part(request, content->etag, content->size);
    const content_answer said{meet_conditions(request, content->etag), part, content->etag, content->size};
    describe(asked, said, came_from_);
    if (head_only_ || !said.carries_bytes() || part.size == 0) {
      fill_.reset();
      return;
    }
    out_.add(std::move(content), part.first, part.size);
  }

  void describe(const chunk_address& asked, const content_answer& said, std::string_view came_from) {
    response_head head = begin_head(said.status());
    said.write(head, asked, server_.access.required(), came_from);
    head.end();
    phase_ = phase::sending;
  }

  /// A text of this server's own.
  void say(int status, std::string_view type, std::string_view text) {
    response_head head = begin_head(status);
    write_page_fields(head, type, text.size());
    finish_text(head, text);
  }
  /// The request is refused; what could be misread after it is not read.
  void refuse(int status) {
    if (status != 404 && status != 401) keeps_alive_ = false;
    response_head head = begin_head(status);
    finish_text(head, write_refusal_fields(head, status));
  }

  response_head begin_head(int status) {
    server_.counts.add_answer(status);
    response_head head(out_.begin(), status, date_.text(std::time(nullptr)));
    head.field("X-Content-Type-Options", "nosniff");
    if (!keeps_alive_) head.field("Connection", "close");
    return head;
  }
  void finish_text(response_head& head, std::string_view text) {
    head.end();
    if (!head_only_) head.text(text);
    phase_ = phase::sending;
  }

  // ---------------------------------------------------------------------------------------------- sending

  /// `closed` when all is sent (or, with `over_`, when nothing more can be).
  outcome send(clock::time_point now) {
    waiting_for_fill_ = false;
    for (std::uint64_t sent = 0;;) {
      std::uint64_t ready = out_.end();
      if (fill_ && out_.at() < out_.end()) {
        const chunk_fill::progress seen = fill_->look();
        if (seen.state == fill_state::failed) {
          server_.counts.add(server_counts::cut);
          return end();
        }
        if (seen.state == fill_state::whole) {
          fill_.reset();
        } else {
          ready = std::max(out_.at(), std::min(seen.landed, out_.end() - 1));  // the last byte says that the rest was right
          if (ready == out_.at() && out_.text_is_sent()) {
            if (!fill_->tell_when_changed(seen, listener_, token_)) continue;
            waiting_for_fill_ = true;
            return outcome::waits;
          }
        }
      }
      if (out_.is_sent()) return outcome::closed;
      if (!writable_) return outcome::waits;
      if (sent >= turn) return outcome::again;
      const bool is_first = out_.nothing_is_sent();
      const outgoing_answer::taken taken = out_.send(socket_.get(), ready);
      if (taken.all < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        writable_ = false;
      } else if (taken.all <= 0) {  // the client is gone, or the file that is sent has shrunk
        if (taken.all == 0) server_.counts.add(server_counts::cut);
        return end();
      } else {
        sent += static_cast<std::uint64_t>(taken.all);
        taken_ += static_cast<std::uint64_t>(taken.all);
        server_.counts.add(server_counts::body_bytes, taken.of_content);
        if (is_first) since_ = now;
      }
    }
  }
  outcome end() noexcept {
    over_ = true;
    return outcome::closed;
  }

  void finish_answer(clock::time_point now) {
    out_.clear();
    fill_.reset();
    taken_ = 0;
    since_ = now;
    answered_ = true;
    head_only_ = false;
    if (keeps_alive_) {
      buffer_.drop(scan_.end());
      scan_ = {};
      phase_ = phase::reading;
    } else {
      ::shutdown(socket_.get(), SHUT_WR);
      phase_ = phase::lingering;
    }
  }

  /// `closed` when the client has said its last.
  outcome linger() {
    const last_words heard = hear_out(socket_.get());
    return heard == last_words::over ? outcome::closed : heard == last_words::more ? outcome::again : outcome::waits;
  }

  storage::file_descriptor socket_;
  server_state& server_;
  http_date& date_;
  fill_listener& listener_;
  const std::uint64_t token_;
  clock::time_point since_;  // when the phase began, or the window of a slow reader
  request_buffer buffer_;
  head_scan scan_;
  outgoing_answer out_;
  std::shared_ptr<chunk_fill> fill_;
  std::uint64_t taken_ = 0;  // by the client, in its window
  std::string_view came_from_;
  phase phase_ = phase::reading;
  bool readable_ = true;
  bool writable_ = true;
  bool ended_ = false;
  bool keeps_alive_ = true;
  bool head_only_ = false;
  bool answered_ = false;
  bool waiting_for_fill_ = false;
  bool stopping_ = false;
  bool over_ = false;
};

}  // namespace larder::serve
