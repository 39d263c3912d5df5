#pragma once

#include <larder/core/error.hpp>
#include <larder/serve/access_check.hpp>
#include <larder/serve/http_date.hpp>
#include <larder/serve/orderly_close.hpp>
#include <larder/serve/request_buffer.hpp>
#include <larder/serve/request_head.hpp>
#include <larder/serve/response_head.hpp>
#include <larder/serve/text_answer.hpp>
#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace larder::serve {

/// A text that a target names; without a type there is none of that name.
struct page {
  std::string_view type{};
  std::string text{};
};

/// What all connections of a server of pages share.
struct page_source {
  const access_check& access;
  const std::function<page(std::string_view target)>& find;
  http_date& date;
};

/// A connection on which one page is asked for; it never waits. Not safe from many threads.
class page_connection {
 public:
  using clock = std::chrono::steady_clock;

  page_connection(storage::file_descriptor socket, clock::time_point ends) : socket_(std::move(socket)), ends_(ends) {}

  int socket() const noexcept { return socket_.get(); }
  /// When its time is over.
  clock::time_point ends() const noexcept { return ends_; }
  /// What poll is to look for.
  short waits_for() const noexcept { return phase_ == phase::sending ? POLLOUT : POLLIN; }

  /// Does what can be done now; false when it is over. What throws ends it.
  bool advance(const page_source& from) {
    if (phase_ == phase::reading && !read(from)) return !is_over_;
    if (phase_ == phase::sending && !send()) return !is_over_;
    return hear_out(socket_.get()) != last_words::over;
  }

 private:
  enum class phase : std::uint8_t { reading, sending, lingering };

  /// True when there is an answer to send.
  bool read(const page_source& from) {
    constexpr request_limits limits{.line = 4096, .head = 16384, .fields = 100};
    for (;;) {
      if (const int refusal = scan_.read(buffer_.text(), limits); refusal != 0) {
        refuse(refusal, from);
        return true;
      }
      if (scan_.end() != 0) {
        answer(buffer_.text().substr(0, scan_.end()), from);
        return true;
      }
      const std::span<char> room = buffer_.room(limits.head + 1);
      const ssize_t got = storage::uninterrupted([&] { return ::recv(socket_.get(), room.data(), room.size(), 0); });
      if (got > 0) {
        buffer_.add(static_cast<std::size_t>(got));
        continue;
      }
      is_over_ = got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
      return false;
    }
  }

  void answer(std::string_view head, const page_source& from) {
    request_head request;
    if (const int refusal = parse_head(head, request); refusal != 0) return refuse(refusal, from);
    const bool head_only = request.method == "HEAD";
    if (!head_only && request.method != "GET") return refuse(405, from);
    if (request.has_body) return refuse(400, from);
    if (!from.access.admits(request.authorization)) return refuse(401, from);
    if (!from.access.required() && !may_be_asked_for_as(request.host)) return refuse(421, from);
    page found;
    try {
      found = from.find(request.target.substr(0, request.target.find('?')));
    } catch (const std::exception&) {
      return refuse(500, from);
    }
    if (found.type.empty()) return refuse(404, from);
    response_head out = begin(200, from);
    write_page_fields(out, found.type, found.text.size());
    out.end();
    if (!head_only) out.text(found.text);
  }
  void refuse(int status, const page_source& from) {
    response_head out = begin(status, from);
    const std::string text = write_refusal_fields(out, status);
    out.end();
    out.text(text);
  }
  response_head begin(int status, const page_source& from) {
    phase_ = phase::sending;
    out_.clear();
    response_head out(out_, status, from.date.text(std::time(nullptr)));
    out.field("X-Content-Type-Options", "nosniff").field("Connection", "close");
    return out;
  }

  /// True when all is sent.
  bool send() {
    while (sent_ < out_.size()) {
      const ssize_t n =
          storage::uninterrupted([&] { return ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL); });
      if (n > 0) {
        sent_ += static_cast<std::size_t>(n);
        continue;
      }
      is_over_ = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
      return false;
    }
    ::shutdown(socket_.get(), SHUT_WR);
    phase_ = phase::lingering;
    return true;
  }

  storage::file_descriptor socket_;
  clock::time_point ends_;
  request_buffer buffer_;
  head_scan scan_;
  std::string out_;
  std::size_t sent_ = 0;
  phase phase_ = phase::reading;
  bool is_over_ = false;
};

}  // namespace larder::serve
