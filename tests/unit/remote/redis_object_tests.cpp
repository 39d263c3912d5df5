#include <larder/remote/redis_object.hpp>
#include <larder/remote/redis_slots.hpp>

#include <cstddef>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace {

using larder::remote::redis_object;

TEST_CASE("a head says what it was made of, and two objects never have one version") {
  const redis_object small = redis_object::make(4096, 4096);
  CHECK(!small.in_chunks());
  CHECK(small.chunks() == 0);
  const redis_object large = redis_object::make(3 * 4096 + 1, 4096);
  CHECK(large.chunks() == 4);
  CHECK(large.size_of_chunk(0) == 4096);
  CHECK(large.size_of_chunk(3) == 1);
  CHECK(redis_object::make(8192, 4096).chunks() == 2);
  for (const redis_object& each : {small, large}) {
    const auto read = redis_object::decode(each.encode());
    REQUIRE(read);
    CHECK(read->size == each.size);
    CHECK(read->chunk_size == each.chunk_size);
    CHECK(read->version == each.version);
  }
  CHECK(redis_object::make(1, 4096).version != redis_object::make(1, 4096).version);
  CHECK(small.tag().size() == 32);
}

TEST_CASE("bytes that cannot be a head are none") {
  const auto refused = [](std::size_t at, unsigned value) {
    redis_object::head_type head = redis_object::make(10'000, 4096).encode();
    head[at] = static_cast<std::byte>(value);
    return !redis_object::decode(head);
  };
  CHECK(refused(0, 'x'));
  CHECK(refused(5, 0x01));  // chunks of 256 bytes
  CHECK(refused(6, 0x41));  // above 4 MiB
  CHECK(refused(9, 0x00));  // not more than a chunk
  CHECK(!refused(9, 0x28));
  redis_object::head_type whole = redis_object::make(1, 4096).encode();
  whole[12] = std::byte{1};  // 4 GiB behind the head
  CHECK(!redis_object::decode(whole));
  CHECK(!redis_object::decode(std::string_view("lrd1")));
  CHECK(!redis_object::decode(std::string_view{}));
}

TEST_CASE("all keys of an object begin with the prefix and lie in one slot") {
  const redis_object made = redis_object::make(10'000, 4096);
  const auto slot = larder::remote::redis_slot("larder:entries/ab/abcd");
  for (unsigned i = 0; i < 3; ++i) {
    const std::string key = made.chunk_key("larder:", "entries/ab/abcd", i);
    CHECK(key == "larder:{larder:entries/ab/abcd}#" + made.tag() + "/" + std::to_string(i));
    CHECK(larder::remote::redis_slot(key) == slot);
  }
}

TEST_CASE("a pattern made of a text means that text only") {
  CHECK(larder::remote::redis_pattern_of("a*b?c[d]^\\") == "a\\*b\\?c\\[d\\]\\^\\\\");
  CHECK(larder::remote::redis_pattern_of("larder:entries/") == "larder:entries/");
}

}  // namespace
