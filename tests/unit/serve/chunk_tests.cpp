#include <larder/core/bytes.hpp>
#include <larder/serve/chunk.hpp>

#include <cstring>
#include <string>

#include <doctest/doctest.h>

namespace serve = larder::serve;

TEST_CASE("a content is where it was put") {
  serve::chunk made;
  CHECK(made.content().empty());
  made.memory = serve::chunk_memory(3);
  std::memcpy(made.memory.span().data(), "abc", 3);
  CHECK(std::memcmp(made.content().data(), "abc", 3) == 0);
  serve::chunk got;
  got.received = larder::bytes::copy_of("xyz");
  CHECK(std::memcmp(got.content().data(), "xyz", 3) == 0);
}

TEST_CASE("a tag says all that tells one file from another") {
  CHECK(serve::digest_tag("00ff") == "\"00ff\"");
  CHECK(serve::stamp_tag({}) == "\"0-0-0-0\"");
  CHECK(serve::stamp_tag({1, 0xabc, 16, 0x10000000000, 7}) == "\"abc-10-10000000000-7\"");
  CHECK(serve::stamp_tag({0, ~std::uint64_t{0}, 1, -1, 0}) == "\"ffffffffffffffff-1-ffffffffffffffff-0\"");
}
