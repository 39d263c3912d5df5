#pragma once

// Replies of a Redis server (RESP2), read by hiredis with the limits of a reader that trusts nobody: nesting up to 7, so many elements, so
// many bytes. Large values do not come this way: `redis_connection` receives a bulk string where it will lie, and refuses one by its length
// before it comes. hiredis keeps one whole in its buffer, then copies it into the reply: measured, 64 MiB in chunks of 4 MiB took 1.4 times as
// long as a bare loop around recv, and 1.5 times the client's processor time; without it they take the same.

#include <larder/core/error.hpp>

#include <hiredis/read.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

/// One reply, and those inside it.
struct redis_reply {
  enum class type : std::uint8_t { nil, text, status, error, integer, array };

  type kind = type::nil;
  std::int64_t number = 0;  ///< of an integer
  std::string text{};       ///< of a text, status or error
  std::vector<redis_reply> elements{};

  bool is(type wanted) const noexcept { return kind == wanted; }
};

/// Reads one reply from bytes as they come. After it threw, it is of no more use.
class redis_reply_parser {
 public:
  static constexpr std::size_t most_elements = std::size_t{1} << 18U;  ///< in all, at any depth
  static constexpr std::size_t most_bytes = std::size_t{8} << 20U;     ///< of the whole reply

  redis_reply_parser() : reader_(::redisReaderCreateWithFunctions(&functions)) {
    if (!reader_) core::fail(error_cause::io, "hiredis gives no reader: out of memory");
    reader_->maxbuf = 0;  // no limit on an empty buffer: it goes with this parser
    reader_->privdata = state_.get();
  }
  redis_reply_parser(const redis_reply_parser&) = delete;
  redis_reply_parser& operator=(const redis_reply_parser&) = delete;

  struct progress {
    std::size_t used = 0;  ///< bytes of the piece that belong to the reply
    std::optional<redis_reply> reply;
  };
  /// The next piece: the reply when it is whole. Throws `larder::error` (server) for what is no reply, or too much of one.
  progress parse(std::string_view piece) {
    if (piece.size() > most_bytes - fed_) {
      const std::size_t room = most_bytes - fed_;
      if (room == 0)
        core::fail(error_cause::server,
                   "a reply of redis is longer than " + std::to_string(most_bytes) + " bytes where none should be");
      piece = piece.substr(0, room);
    }
    fed_ += piece.size();
    void* whole = nullptr;
    if (::redisReaderFeed(reader_.get(), piece.data(), piece.size()) != REDIS_OK ||
        ::redisReaderGetReply(reader_.get(), &whole) != REDIS_OK) {
      if (state_->too_many)
        core::fail(error_cause::server, "a reply of redis has more than " + std::to_string(most_elements) + " elements");
      core::fail(error_cause::server, "what came is no reply of redis; does another service listen there?");
    }
    if (whole == nullptr) return {piece.size(), std::nullopt};
    const std::unique_ptr<redis_reply> reply(static_cast<redis_reply*>(whole));
    const std::size_t unused = reader_->len - reader_->pos;
    return {piece.size() - unused, std::move(*reply)};
  }

 private:
  struct reading {
    std::size_t elements = 0;
    bool too_many = false;
  };
  struct reader_free {
    void operator()(redisReader* reader) const noexcept { ::redisReaderFree(reader); }
  };

  /// Room for the reply that the task is about: a new one, or the next of its parent's. hiredis reads a nested reply to its end before the
  /// next one of the same parent, so that no pointer into a vector is kept while it grows. Nothing, when there is no room: hiredis stops.
  static redis_reply* place(const redisReadTask* task, redis_reply::type kind) noexcept {
    try {
      reading& state = *static_cast<reading*>(task->privdata);
      if (++state.elements > most_elements) {
        state.too_many = true;
        return nullptr;
      }
      redis_reply* const at =
          task->parent == nullptr ? new redis_reply : &static_cast<redis_reply*>(task->parent->obj)->elements.emplace_back();
      at->kind = kind;
      return at;
    } catch (const std::exception&) {
      return nullptr;
    }
  }
  static void* on_text(const redisReadTask* task, char* text, std::size_t size) noexcept {
    const auto kind = task->type == REDIS_REPLY_ERROR    ? redis_reply::type::error
                      : task->type == REDIS_REPLY_STATUS ? redis_reply::type::status
                                                         : redis_reply::type::text;
    redis_reply* const at = place(task, kind);
    if (at == nullptr) return nullptr;
    try {
      at->text.assign(text, size);
    } catch (const std::exception&) {
      if (task->parent == nullptr) delete at;
      return nullptr;
    }
    return at;
  }
  template <class Count>  // an int before hiredis 1.0
  static void* on_array(const redisReadTask* task, Count) noexcept {
    return place(task, redis_reply::type::array);
  }
  static void* on_integer(const redisReadTask* task, long long number) noexcept {
    redis_reply* const at = place(task, redis_reply::type::integer);
    if (at != nullptr) at->number = number;
    return at;
  }
  static void* on_nil(const redisReadTask* task) noexcept { return place(task, redis_reply::type::nil); }
  static void on_free(void* reply) noexcept { delete static_cast<redis_reply*>(reply); }

  /// What RESP3 has besides, and nobody asked for: hiredis 1.0 would put a number in place of the reply's address.
  template <class... Value>
  static void* on_foreign(const redisReadTask*, Value...) noexcept {
    return nullptr;
  }

  template <class Functions>
  static Functions made() noexcept {
    Functions out{};
    out.createString = &on_text;
    out.createArray = &on_array;
    out.createInteger = &on_integer;
    out.createNil = &on_nil;
    out.freeObject = &on_free;
    if constexpr (requires { out.createDouble; }) out.createDouble = &on_foreign;
    if constexpr (requires { out.createBool; }) out.createBool = &on_foreign;
    return out;
  }
  static inline redisReplyObjectFunctions functions = made<redisReplyObjectFunctions>();

  std::unique_ptr<reading> state_ = std::make_unique<reading>();  // on the heap: hiredis keeps its address
  std::unique_ptr<redisReader, reader_free> reader_;
  std::size_t fed_ = 0;
};

}  // namespace larder::remote
