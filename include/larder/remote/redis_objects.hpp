#pragma once

// The five operations of a `blob_store` as commands of Redis. Round trips: get, head and erase 1, of an object in chunks one
// more; put 1, of an object in chunks one more. A put writes the chunks under a version that nobody knows, then the head in one
// step with learning the old one, then drops the old one's chunks. A writer that dies in between leaves chunks behind which
// nobody will ask for: the server evicts them, or drops them after time_to_live.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/blob_name.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/redis_client.hpp>
#include <larder/remote/redis_command.hpp>
#include <larder/remote/redis_connection.hpp>
#include <larder/remote/redis_error.hpp>
#include <larder/remote/redis_listing.hpp>
#include <larder/remote/redis_memory_check.hpp>
#include <larder/remote/redis_object.hpp>
#include <larder/remote/redis_reply.hpp>
#include <larder/sync/counter.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

struct redis_object_settings {
  std::string key_prefix;
  std::uint32_t chunk_size = redis_object::largest_chunk;
  std::chrono::milliseconds time_to_live{0};  ///< 0: none
  std::uint64_t max_object = 0;
};

/// Objects by name in Redis. Safe from many threads; throws `larder::error`. Borrows the client and the sink.
class redis_objects {
 public:
  redis_objects(redis_client& client, error_sink& errors, redis_object_settings settings)
      : client_(client), errors_(errors), settings_(std::move(settings)) {}

  /// `control` is told of each chunk of an object in chunks.
  std::optional<bytes> get(std::string_view name, const byte_range& range, const transfer_control& control = {}) {
    const std::string key = key_of(name);
    // What was replaced or evicted between two requests is looked at again, as it is by then.
    std::optional<redis_object> incomplete;
    for (int look = 0; look < most_looks; ++look) {
      opened first = open(key, range, control.stop);
      if (!first.object) return std::nullopt;
      if (first.value) {
        tell(control, first.value->size(), first.value->size());
        return std::move(first.value);
      }
      if (!first.object->in_chunks()) continue;
      if (incomplete && incomplete->version == first.object->version) {
        drop_incomplete(key, name, *incomplete);
        return std::nullopt;
      }
      if (std::optional<bytes> value = chunks(key, name, *first.object, range, control)) return value;
      incomplete = first.object;
    }
    return std::nullopt;  // it is being replaced all the time
  }

  std::optional<blob_info> head(std::string_view name) {
    const std::string key = key_of(name);
    const redis_reply answer = client_.ask(key, {"GETRANGE", key, "0", redis_object::last_of_head}, {.lookup = true});
    if (!answer.is(redis_reply::type::text)) client_.fail_unexpected();
    if (answer.text.empty()) return std::nullopt;
    const std::optional<redis_object> found = redis_object::decode(answer.text);
    if (!found) fail_foreign(name);
    return blob_info{found->size, found->tag()};
  }

  /// The server may drop the object once it is of no use, so long after now. A stop ends the put until its chunks are there; then
  /// it is a matter of one answer.
  bool put(std::string_view name, std::span<const bytes> parts, put_mode mode, duration useful,
           const transfer_control& control = {}) {
    const std::string key = key_of(name);
    stop_if_asked(control, "a put was not begun");
    const std::uint64_t size = total_size(parts);
    if (size > settings_.max_object)
      core::fail(error_cause::invalid_argument, "an object of " + std::to_string(size) + " bytes is larger than max_object, " +
                                                    std::to_string(settings_.max_object));
    memory_.look_once(key, settings_.time_to_live.count() != 0);
    const std::string expiry = expiry_of(useful);
    const redis_object made = redis_object::make(size, settings_.chunk_size);
    tell(control, 0, size);
    if (!made.in_chunks()) {
      const bool stored = mode == put_mode::replace ? replace(key, name, made, parts, expiry) : create(key, made, parts, expiry);
      sent_.add(size);
      if (stored) tell(control, size, size);
      return stored;
    }
    if (mode == put_mode::create_only && client_.ask(key, {"EXISTS", key}).number != 0) return false;
    try {
      put_chunks(key, name, made, parts, expiry, control);
      stop_if_asked(control, "a put was given up");
      if (mode == put_mode::replace) return replace(key, name, made, {}, expiry);
      if (create(key, made, {}, expiry)) return true;
    } catch (const error& failure) {
      // Where the server cannot be asked it may have taken the head: then the chunks must stay.
      if (failure.cause() != error_cause::network && failure.cause() != error_cause::timeout) drop_chunks(key, name, made);
      throw;
    } catch (...) {  // out of what is told of the progress
      drop_chunks(key, name, made);
      throw;
    }
    drop_chunks(key, name, made);
    return false;
  }

  bool erase(std::string_view name) {
    const std::string key = key_of(name);
    const redis_reply was = client_.ask(key, {"EVAL", drop_script, "1", key, ""});
    if (was.is(redis_reply::type::nil)) return false;
    if (const std::optional<redis_object> old = redis_object::decode(was.text)) drop_chunks(key, name, *old);
    return true;
  }

  /// f(name, blob_info) for each object whose name starts so, once; f runs while no connection is held.
  template <class F>
  void list(std::string_view prefix, F&& f) {
    redis_listing(client_, settings_.key_prefix).list(prefix, std::forward<F>(f));
  }

  /// What came and went of the objects themselves, their heads apart.
  void add_to(remote_report& report) const {
    report.bytes_received += received_.load();
    report.bytes_sent += sent_.load();
  }

 private:
  static constexpr int most_looks = 4;
  static constexpr std::size_t commands_at_once = 256;

  // EVAL with the script itself, not EVALSHA: a hundred bytes on the way of a value, and no second round trip when the server
  // forgot it.
  static constexpr std::string_view put_script =
      "local old=redis.pcall('GETRANGE',KEYS[1],0,31) "
      "if ARGV[2]=='' then redis.call('SET',KEYS[1],ARGV[1]) else redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2]) end "
      "if type(old)=='string' then return old end return ''";
  static constexpr std::string_view drop_script =
      "if redis.call('EXISTS',KEYS[1])==0 then return false end "
      "local old=redis.pcall('GETRANGE',KEYS[1],0,31) if type(old)~='string' then old='' end "
      "if ARGV[1]~='' and ARGV[1]~=old then return false end "
      "redis.call('UNLINK',KEYS[1]) return old";

  static void tell(const transfer_control& control, std::uint64_t landed, std::uint64_t total) {
    if (control.progress) control.progress(landed, total);
  }
  static void stop_if_asked(const transfer_control& control, const char* what) {
    if (control.stop.stop_requested()) core::fail(error_cause::cancelled, std::string(what) + " because a stop was requested");
  }

  std::string key_of(std::string_view name) const {
    check_blob_name(name);
    return settings_.key_prefix + std::string(name);
  }

  /// Milliseconds as text; empty for ever.
  std::string expiry_of(duration useful) const {
    using std::chrono::milliseconds;
    milliseconds until = settings_.time_to_live.count() > 0 ? settings_.time_to_live : milliseconds::max();
    if (useful != duration::max()) until = std::min(until, std::max(milliseconds(1), std::chrono::ceil<milliseconds>(useful)));
    return until == milliseconds::max() ? std::string{} : std::to_string(until.count());
  }

  /// Sends `command_of(i)` for each chunk from the first to the one before `end`, in lists of a bounded length, and gives each
  /// answer to `take(i, connection)`. Once that was false no further list is sent; returns whether it never was.
  template <class CommandOf, class Take>
  bool each_chunk(const std::string& key, std::uint64_t first, std::uint64_t end, CommandOf&& command_of, Take&& take,
                  const redis_exchange& how = {}) {
    bool all = true;
    const auto take_one = [&](std::size_t i, redis_connection& connection) { all &= take(first + i, connection); };
    for (; first < end && all; first += commands_at_once) {
      std::vector<redis_command> commands;
      for (std::uint64_t i = first; i < std::min<std::uint64_t>(end, first + commands_at_once); ++i)
        commands.push_back(command_of(i));
      client_.run(key, commands, take_one, how);
    }
    return all;
  }

  // ---------------------------------------------------------------------------------------------------- get

  struct opened {
    std::optional<redis_object> object;  ///< nothing: absent
    std::optional<bytes> value;          ///< nothing: in chunks, or changed meanwhile
  };

  /// Where a part of an object of that size lies.
  static byte_range cut(const byte_range& range, std::uint64_t size) noexcept {
    const std::uint64_t offset = std::min(range.offset, size);
    return {offset, std::min(range.size, size - offset)};
  }

  /// The head, and the part that is asked for as far as it lies behind it.
  opened open(const std::string& key, const byte_range& range, const std::stop_token& stop) {
    opened out;
    std::vector<redis_command> commands;
    const std::uint64_t last = range.size == 0 ? 0 : std::min<std::uint64_t>(last_byte(range), redis_object::largest_chunk);
    const std::string end = std::to_string(redis_object::head_size + last);
    if (range.whole()) {
      commands.push_back({"GET", key});
    } else if (range.size == 0) {
      commands.push_back({"GETRANGE", key, "0", redis_object::last_of_head});
    } else if (range.offset == 0) {
      commands.push_back({"GETRANGE", key, "0", end});
    } else {
      commands.push_back({"GETRANGE", key, "0", redis_object::last_of_head});
      commands.push_back(
          {"GETRANGE", key,
           std::to_string(redis_object::head_size + std::min<std::uint64_t>(range.offset, redis_object::largest_chunk)), end});
    }
    const auto take = [&](std::size_t i, redis_connection& connection) {
      const std::optional<std::uint64_t> size = connection.begin_bulk(redis_object::head_size + redis_object::largest_chunk);
      if (!size) return;
      if (i == 0)
        take_head(connection, key, range, *size, out, commands.size() == 1);
      else
        take_part(connection, range, *size, out);
    };
    client_.run(key, commands, take, {.lookup = true, .stop = stop});
    if (out.object && out.object->size > settings_.max_object && cut(range, out.object->size).size > settings_.max_object)
      core::fail(error_cause::server, "the object " + key + " has " + std::to_string(out.object->size) + " bytes where at most " +
                                          std::to_string(settings_.max_object) +
                                          " are taken; raise max_object if it may be that large");
    return out;
  }
  void take_head(redis_connection& connection, const std::string& key, const byte_range& range, std::uint64_t size, opened& out,
                 bool with_value) {
    redis_object::head_type head{};
    if (size >= head.size()) {
      connection.read(head);
      out.object = redis_object::decode(head);
    }
    if (out.object && with_value && !out.object->in_chunks()) {
      take_part(connection, range, size - head.size(), out);
    } else {
      connection.end_bulk();
    }
    const bool foreign = size != 0 && !out.object;  // an absent key has an empty range
    const bool misfit =
        out.object && ((with_value && !out.object->in_chunks()) ? !out.value : size != head.size() && range.whole());
    if (foreign || misfit) fail_foreign(std::string_view(key).substr(settings_.key_prefix.size()));
  }
  /// The rest of the bulk string, when it is the part that is asked for.
  void take_part(redis_connection& connection, const byte_range& range, std::uint64_t size, opened& out) {
    if (out.object && !out.object->in_chunks() && size == cut(range, out.object->size).size) {
      mutable_bytes room(static_cast<std::size_t>(size));
      connection.read(room.span());
      received_.add(size);
      out.value = std::move(room).freeze();
    }
    connection.end_bulk();
  }

  /// The part of an object in chunks; nothing when one of them is gone.
  std::optional<bytes> chunks(const std::string& key, std::string_view name, const redis_object& object, const byte_range& range,
                              const transfer_control& control) {
    const byte_range part = cut(range, object.size);
    if (part.size == 0) return bytes{};
    mutable_bytes room(static_cast<std::size_t>(part.size));
    const auto piece_of = [&](std::uint64_t i) -> byte_range {
      const std::uint64_t begins = i * object.chunk_size;
      const std::uint64_t from = std::max(part.offset, begins);
      return {from, std::min(part.offset + part.size, begins + object.size_of_chunk(i)) - from};
    };
    const auto command_of = [&](std::uint64_t i) {
      const byte_range piece = piece_of(i);
      const std::uint64_t from = piece.offset - i * object.chunk_size;
      const std::string chunk = object.chunk_key(settings_.key_prefix, name, i);
      redis_command get = piece.size == object.size_of_chunk(i)
                              ? redis_command{"GET", chunk}
                              : redis_command{"GETRANGE", chunk, std::to_string(from), std::to_string(from + piece.size - 1)};
      get.expects(piece.size);
      return get;
    };
    std::uint64_t landed = 0;
    const auto take = [&](std::uint64_t i, redis_connection& connection) {
      const std::optional<std::uint64_t> size = connection.begin_bulk(redis_object::largest_chunk);
      if (!size) return false;
      const byte_range piece = piece_of(i);
      const bool fits = *size == piece.size;
      if (fits)
        connection.read(
            room.span().subspan(static_cast<std::size_t>(piece.offset - part.offset), static_cast<std::size_t>(piece.size)));
      connection.end_bulk();
      if (!fits && *size != 0) fail_foreign(name);
      if (fits) tell(control, landed += piece.size, part.size);
      return fits;  // a range of an absent key is empty
    };
    const std::uint64_t end = (part.offset + part.size - 1) / object.chunk_size + 1;
    if (!each_chunk(key, part.offset / object.chunk_size, end, command_of, take, {.lookup = true, .stop = control.stop}))
      return std::nullopt;
    received_.add(part.size);
    return std::move(room).freeze();
  }

  // ---------------------------------------------------------------------------------------------------- put

  void put_chunks(const std::string& key, std::string_view name, const redis_object& made, std::span<const bytes> parts,
                  const std::string& expiry, const transfer_control& control) {
    const auto command_of = [&](std::uint64_t i) {
      redis_command set{"SET", made.chunk_key(settings_.key_prefix, name, i)};
      set.value({}, parts, i * made.chunk_size, made.size_of_chunk(i));
      if (!expiry.empty()) set.word("PX").word(expiry);
      return set;
    };
    std::uint64_t landed = 0;
    const auto take = [&](std::uint64_t i, redis_connection& connection) {
      static_cast<void>(connection.reply());
      tell(control, landed += made.size_of_chunk(i), made.size);
      return true;
    };
    each_chunk(key, 0, made.chunks(), command_of, take, {.stop = control.stop});
    sent_.add(made.size);
  }

  static std::string_view text_of(const redis_object::head_type& head) noexcept {
    return {reinterpret_cast<const char*>(head.data()), head.size()};
  }

  bool replace(const std::string& key, std::string_view name, const redis_object& made, std::span<const bytes> parts,
               const std::string& expiry) {
    const redis_object::head_type head = made.encode();
    redis_command put{"EVAL", put_script, "1", key};
    put.value(text_of(head), parts, 0, made.in_chunks() ? 0 : made.size).word(expiry);
    const redis_reply was = client_.ask(key, put);
    const std::optional<redis_object> old = redis_object::decode(was.text);
    if (old && old->version != made.version) drop_chunks(key, name, *old);
    return true;
  }
  bool create(const std::string& key, const redis_object& made, std::span<const bytes> parts, const std::string& expiry) {
    const redis_object::head_type head = made.encode();
    redis_command set{"SET", key};
    set.value(text_of(head), parts, 0, made.in_chunks() ? 0 : made.size).word("NX");
    if (!expiry.empty()) set.word("PX").word(expiry);
    const redis_reply answer = client_.ask(key, set, {.repeatable = false});
    return !answer.is(redis_reply::type::nil);
  }

  // --------------------------------------------------------------------------------------------------- drop

  /// The chunks of an object whose head is gone. A failure is reported: nothing depends on them.
  void drop_chunks(const std::string& key, std::string_view name, const redis_object& old) noexcept {
    if (!old.in_chunks() || old.size > settings_.max_object) return;  // a head that others wrote may claim anything
    try {
      const auto command_of = [&](std::uint64_t i) {
        return redis_command{"UNLINK", old.chunk_key(settings_.key_prefix, name, i)};
      };
      const auto take = [](std::uint64_t, redis_connection& connection) {
        static_cast<void>(connection.reply());
        return true;
      };
      each_chunk(key, 0, old.chunks(), command_of, take);
    } catch (const error& failure) {
      errors_.report(failure.cause(),
                     std::string("chunks of an older object stay until the server evicts them: ") + failure.what());
    } catch (const std::exception&) {
      errors_.report(error_cause::io, "chunks of an older object stay until the server evicts them: out of memory");
    }
  }
  /// An object some chunks of which were evicted: the rest goes, unless it was replaced meanwhile.
  void drop_incomplete(const std::string& key, std::string_view name, const redis_object& object) {
    const redis_object::head_type head = object.encode();
    if (!client_.ask(key, {"EVAL", drop_script, "1", key, text_of(head)}).is(redis_reply::type::nil))
      drop_chunks(key, name, object);
  }

  // ----------------------------------------------------------------------------------------------- complain

  [[noreturn]] void fail_foreign(std::string_view name) const {
    core::fail(error_cause::corruption, "what lies under " + settings_.key_prefix + std::string(name) +
                                            " is not a whole object of larder's; it is not used");
  }

  redis_client& client_;
  error_sink& errors_;
  const redis_object_settings settings_;
  redis_memory_check memory_{client_, errors_};
  sync::counter<true> received_, sent_;
};

}  // namespace larder::remote
