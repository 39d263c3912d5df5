#include <larder/artifact/chunk_list.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/pattern.hpp"

namespace {

using larder::artifacts::chunk_hasher;
using larder::artifacts::chunk_list;
using larder::artifacts::chunk_size;

chunk_list list_of(std::string_view content, std::size_t step) {
  chunk_hasher hasher;
  for (std::size_t at = 0; at < content.size(); at += step) hasher.add(std::as_bytes(std::span(content.substr(at, step))));
  return hasher.take();
}

}  // namespace

TEST_CASE("the chunks of content are those of its pieces of 8 MiB, however it comes") {
  const std::string content = support::pattern(static_cast<std::size_t>(2 * chunk_size + 5));
  const chunk_list list = list_of(content, 1'000'003);
  CHECK(list == list_of(content, content.size()));
  REQUIRE(list.chunks.size() == 3);
  CHECK(list.size == content.size());
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(list.chunks[i] == larder::digest_of(std::string_view(content).substr(static_cast<std::size_t>(list.begin_of(i)),
                                                                               static_cast<std::size_t>(list.size_of(i)))));
  CHECK(list_of("", 1).chunks.empty());
  CHECK(list_of(std::string_view(content).substr(0, static_cast<std::size_t>(chunk_size)), 4096).chunks.size() == 1);
}

TEST_CASE("a stored list is read again, and a damaged one is none") {
  chunk_list list = list_of(support::pattern(20'000'000), 5'000'000);
  list.modified = -5;
  const std::string text = list.text();
  CHECK(chunk_list::parse(text) == list);
  CHECK(chunk_list::parse(chunk_list{}.text()) == chunk_list{});
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    CHECK_FALSE(chunk_list::parse(damaged));
    CHECK_FALSE(chunk_list::parse(text.substr(0, i)));
  }
  CHECK_FALSE(chunk_list::parse(text + "x"));
}

TEST_CASE("a list that says more chunks than it has, under a right checksum, is none") {
  for (const std::uint64_t size : {std::uint64_t{1}, chunk_size + 1, std::numeric_limits<std::uint64_t>::max()}) {
    chunk_list lie;
    lie.size = size;
    CHECK_FALSE(chunk_list::parse(lie.text()));
  }
}

TEST_CASE("any text is parsed or refused") {
  CHECK(rc::check("any text", [](const std::string& text) { RC_ASSERT(!chunk_list::parse("larder chunks 1\n" + text)); }));
}
