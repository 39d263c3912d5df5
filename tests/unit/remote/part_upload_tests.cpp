#include <larder/remote/part_upload.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

namespace {

using larder::bytes;
using larder::error_cause;
using larder::put_mode;
using larder::remote::parts_of;

/// Notes what it is told; fails at a part or at the commit when told to.
struct noting_client {
  bool admits(std::string_view, std::uint64_t size, put_mode mode, const std::stop_token& stop) {
    CHECK(size == 7);
    if (stop.stop_possible()) said.push_back("admits, until a stop");
    return mode == put_mode::replace || !there;
  }
  std::string begin_upload(std::string_view name) {
    said.push_back("begin " + std::string(name));
    return "u";
  }
  std::string put_part(std::string_view, const std::string& id, std::size_t index, std::span<const bytes> part,
                       const std::stop_token& stop) {
    if (index == bad_part) throw larder::error(error_cause::network, "a part was not taken");
    std::string text;
    for (const bytes& piece : part) text += piece.text();
    said.push_back(id + std::to_string(index) + " " + text + (stop.stop_possible() ? ", until a stop" : ""));
    if (stopped_at_first != nullptr) stopped_at_first->request_stop();
    return "t" + std::to_string(index);
  }
  bool commit_upload(std::string_view, const std::string& id, std::span<const std::string> tags, put_mode mode) {
    if (bad_commit) throw larder::error(error_cause::server, "no");
    std::string all = "commit " + id;
    for (const std::string& tag : tags) all += " " + tag;
    said.push_back(all);
    return mode == put_mode::replace;
  }
  void abort_upload(std::string_view name, const std::string& id) noexcept {
    said.push_back("abort " + std::string(name) + " " + id);
  }

  std::vector<std::string> said{};
  std::optional<std::size_t> bad_part{};
  bool bad_commit = false;
  bool there = false;
  std::stop_source* stopped_at_first = nullptr;
};

std::vector<std::string> said_of(noting_client client, std::span<const bytes> content, std::uint64_t part_size,
                                 std::uint64_t most_parts = 100, std::optional<error_cause> fails = {}) {
  std::optional<error_cause> failed;
  try {
    const bool stored = larder::remote::put_in_parts(client, "o", content, put_mode::replace, {part_size, most_parts});
    CHECK(stored);
  } catch (const larder::error& e) {
    failed = e.cause();
  }
  CHECK(failed == fails);
  return client.said;
}

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("content is cut into equal parts and a rest, however its pieces lie, and nothing is copied") {
  const bytes whole = bytes::copy_of("0123456789");
  for (const std::size_t first : {0UL, 1UL, 3UL, 4UL, 10UL}) {
    const std::vector<bytes> pieces{whole.slice(0, first), bytes{}, whole.slice(first)};
    for (const std::uint64_t size : {1U, 3U, 5U, 10U, 11U}) {
      const std::vector<std::vector<bytes>> parts = parts_of(pieces, size);
      CHECK(parts.size() == (10 + size - 1) / size);
      const std::byte* next = whole.data();
      for (std::size_t i = 0; i < parts.size(); ++i) {
        CHECK(larder::total_size(parts[i]) == (i + 1 < parts.size() || 10 % size == 0 ? size : 10 % size));
        for (const bytes& slice : parts[i]) {
          CHECK(slice.data() == next);
          CHECK_FALSE(slice.empty());
          next += slice.size();
        }
      }
      CHECK(next == whole.data() + 10);
    }
  }
  CHECK(parts_of({}, 5).size() == 1);
  CHECK(larder::total_size(parts_of({}, 5).front()) == 0);
}

TEST_CASE("an object goes part after part and is committed by their tags, in order") {
  const std::vector<bytes> content{bytes::copy_of("ab"), bytes::copy_of("cdefg")};
  CHECK(said_of({}, content, 3) == lines{"begin o", "u0 abc", "u1 def", "u2 g", "commit u t0 t1 t2"});
  CHECK(said_of({}, content, 7) == lines{"begin o", "u0 abcdefg", "commit u t0"});
  noting_client client;
  CHECK_FALSE(larder::remote::put_in_parts(client, "o", content, put_mode::create_only, {7, 100}));
  CHECK(client.said.back() == "commit u t0");  // a commit that met an object has cleared up by itself
}

TEST_CASE("parts grow where there would be too many, and not one byte more than that takes") {
  const std::vector<bytes> content{bytes::copy_of("abcdefg")};
  CHECK(said_of({}, content, 1, 7).size() == 9);
  CHECK(said_of({}, content, 1, 6) == lines{"begin o", "u0 ab", "u1 cd", "u2 ef", "u3 g", "commit u t0 t1 t2 t3"});
  CHECK(said_of({}, content, 1, 1) == lines{"begin o", "u0 abcdefg", "commit u t0"});
}

TEST_CASE("what fails gives the upload up, and the failure is the client's") {
  const std::vector<bytes> content{bytes::copy_of("abcdefg")};
  CHECK(said_of({.bad_part = 1}, content, 3, 100, error_cause::network) == lines{"begin o", "u0 abc", "abort o u"});
  CHECK(said_of({.bad_commit = true}, content, 4, 100, error_cause::server) ==
        lines{"begin o", "u0 abcd", "u1 efg", "abort o u"});
}

TEST_CASE("an upload is given up where a stop is requested between two parts") {
  const bytes content = bytes::copy_of("abcdefg");
  std::stop_source stop;
  noting_client client{.stopped_at_first = &stop};
  CHECK(support::cause_of([&] {
          larder::remote::put_in_parts(client, "o", {&content, 1}, put_mode::replace, {3, 100}, stop.get_token());
        }) == error_cause::cancelled);
  CHECK(client.said == lines{"admits, until a stop", "begin o", "u0 abc, until a stop", "abort o u"});
}

TEST_CASE("of an object that the client does not admit nothing is begun") {
  const bytes content = bytes::copy_of("abcdefg");
  noting_client client{.there = true};
  CHECK_FALSE(larder::remote::put_in_parts(client, "o", {&content, 1}, put_mode::create_only, {3, 100}));
  CHECK(client.said.empty());
  CHECK(larder::remote::put_in_parts(client, "o", {&content, 1}, put_mode::replace, {3, 100}));
}
