#pragma once

// One connection that speaks RESP2: commands are queued and sent together, replies are pulled in their order. A bulk string is
// received straight to where it will lie (redis_reply.hpp says why not through hiredis); every other reply is read by hiredis.

#include <larder/core/error.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/redis_address.hpp>
#include <larder/remote/redis_command.hpp>
#include <larder/remote/redis_error.hpp>
#include <larder/remote/redis_reply.hpp>
#include <larder/remote/redis_socket.hpp>
#include <larder/remote/secret.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

/// How to log in and how long to wait: the same for every server of a cluster.
struct redis_login {
  std::string user{};
  secret password{};
  unsigned database = 0;
  remote_timeouts timeouts{};
  bool allow_unencrypted_credentials = false;
};

/// Used by one thread at a time. Every failure is a `larder::error`; after one that is not the server's own answer, or with
/// replies left unread, it is of no more use.
class redis_connection {
 public:
  using time_point = redis_socket::clock::time_point;

  /// Connects and logs in, before `answer_by`. Refuses to send a password in clear to another machine unless the settings allow
  /// it.
  redis_connection(const redis_address& to, const redis_login& login, const std::stop_token& stop,
                   time_point answer_by = time_point::max())
      : address_(to) {
    if (!login.password.empty() && !to.is_local() && !login.allow_unencrypted_credentials)
      core::fail(error_cause::invalid_argument,
                 to.printable() +
                     ": the password would travel unencrypted; use a tunnel on this machine or a Unix socket, "
                     "or set allow_unencrypted_credentials");
    socket_ = std::make_unique<redis_socket>(to, login.timeouts, stop, answer_by);
    begin(stop, answer_by);
    log_in(login);
  }
  redis_connection(const redis_connection&) = delete;
  redis_connection& operator=(const redis_connection&) = delete;

  const redis_address& address() const noexcept { return address_; }
  const std::string& name() const noexcept { return socket_->name(); }

  /// Whether it can be used for the next exchange: nothing is owed, and the server has not closed it.
  bool is_reusable() const noexcept { return owed_ == 0 && begin_ == end_ && queued_.empty() && !socket_->is_stale(); }

  /// An exchange begins, whose first answer must do so before `answer_by`.
  void begin(const std::stop_token& stop, time_point answer_by = time_point::max()) { socket_->begin(stop, answer_by); }

  /// A command to be sent; borrowed until `flush`.
  void queue(const redis_command& command) { queued_.push_back(&command); }

  /// Sends what is queued.
  void flush() {
    if (queued_.empty()) return;
    std::vector<std::string> heads(queued_.size());
    std::vector<std::string_view> pieces;
    pieces.reserve(queued_.size() * 4);
    for (std::size_t i = 0; i < queued_.size(); ++i) queued_[i]->gather(heads[i], pieces);
    const bool idle = owed_ == 0;
    owed_ += queued_.size();
    queued_.clear();
    socket_->send(pieces);
    if (idle) socket_->expect_answer();
  }

  /// Whether the next reply is an error, which `reply()` gives. Waits for its first byte.
  bool is_error_next() {
    if (begin_ == end_) fill();
    return buffer_[begin_] == '-';
  }

  /// The next reply, of any type but meant for small ones.
  redis_reply reply() {
    redis_reply_parser parser;
    for (;;) {
      if (begin_ == end_) fill();
      redis_reply_parser::progress made = parser.parse({buffer_.data() + begin_, end_ - begin_});
      begin_ += made.used;
      if (!made.reply) continue;
      --owed_;
      return std::move(*made.reply);
    }
  }

  /// The size of the next reply, a bulk string of at most `most` bytes, which `read` and `end_bulk` then take; nothing when it
  /// is nil.
  std::optional<std::uint64_t> begin_bulk(std::uint64_t most) {
    const std::string line = bulk_head();
    if (line == "$-1") {
      --owed_;
      return std::nullopt;
    }
    const std::optional<std::uint64_t> size = line.front() == '$' ? parse_count(std::string_view(line).substr(1)) : std::nullopt;
    if (!size) core::fail(error_cause::server, name() + " answered something else than a value");
    if (*size > most)
      core::fail(error_cause::server, name() + " answered with a value of " + std::to_string(*size) + " bytes where at most " +
                                          std::to_string(most) + " are taken");
    left_ = *size;
    return size;
  }
  /// Fills the room with the next bytes of the bulk string.
  void read(std::span<std::byte> room) {
    left_ -= room.size();
    const std::size_t had = std::min(room.size(), end_ - begin_);
    if (had != 0) std::memcpy(room.data(), buffer_.data() + begin_, had);
    begin_ += had;
    room = room.subspan(had);
    while (!room.empty()) {
      // The buffer is empty here: what lies behind the value comes with the same call.
      const std::size_t n = socket_->receive(room, std::as_writable_bytes(std::span(buffer_)));
      const std::size_t into = std::min(n, room.size());
      begin_ = 0;
      end_ = n - into;
      room = room.subspan(into);
    }
  }
  /// Takes what is left of the bulk string and its end.
  void end_bulk() {
    while (left_ != 0) {
      if (begin_ == end_) fill();
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, end_ - begin_));
      begin_ += n;
      left_ -= n;
    }
    for (const char expected : {'\r', '\n'}) {
      if (begin_ == end_) fill();
      if (buffer_[begin_++] != expected)
        core::fail(error_cause::server, name() + " sent a value that does not end where it should");
    }
    --owed_;
  }

 private:
  static constexpr std::size_t buffer_size = std::size_t{64} << 10U;

  void fill() {
    begin_ = 0;
    end_ = 0;
    end_ = socket_->receive(std::as_writable_bytes(std::span(buffer_)), {});
  }

  std::string bulk_head() {
    constexpr std::size_t longest = 32;
    std::string line;
    for (;;) {
      if (begin_ == end_) fill();
      const char c = buffer_[begin_++];
      if (c == '\n' && line.ends_with('\r')) break;
      line += c;
      if (line.size() > longest) core::fail(error_cause::server, name() + " answered something else than a value");
    }
    line.pop_back();
    if (line.empty()) line = "?";
    return line;
  }

  void log_in(const redis_login& login) {
    std::vector<redis_command> commands;
    if (!login.password.empty()) {
      commands.push_back({"AUTH"});
      if (!login.user.empty()) commands.back().word(login.user);
      commands.back().borrowed(login.password.reveal());
    }
    if (login.database != 0) commands.push_back(redis_command{"SELECT"}.number(login.database));
    for (const redis_command& each : commands) queue(each);
    flush();
    for (std::size_t i = 0; i < commands.size(); ++i) {
      const redis_reply answer = reply();
      if (answer.is(redis_reply::type::error)) fail_redis(name(), answer.text);
    }
  }

  const redis_address address_;
  std::unique_ptr<redis_socket> socket_;
  std::vector<char> buffer_ = std::vector<char>(buffer_size);
  std::size_t begin_ = 0;  // what lies in the buffer and was not taken
  std::size_t end_ = 0;
  std::uint64_t left_ = 0;  // of the bulk string that is being read
  std::vector<const redis_command*> queued_;
  std::size_t owed_ = 0;  // replies
};

}  // namespace larder::remote
