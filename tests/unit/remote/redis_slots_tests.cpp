#include <larder/remote/redis_slots.hpp>

#include <string>

#include <doctest/doctest.h>

namespace {

using larder::remote::crc16;
using larder::remote::redis_address;
using larder::remote::redis_reply;
using larder::remote::redis_reply_parser;
using larder::remote::redis_slot;
using larder::remote::redis_slots;

// The check value of the CRC, and slots as the specification gives them.
static_assert(crc16("123456789") == 0x31c3);
static_assert(redis_slot("foo") == 12182);
static_assert(redis_slot("{user1000}.following") == redis_slot("{user1000}.followers"));
static_assert(redis_slot("foo{}{bar}") == crc16("foo{}{bar}") % 16384);
static_assert(redis_slot("foo{{bar}}zap") == redis_slot("{bar"));
static_assert(redis_slot("foo{bar}{zap}") == redis_slot("bar"));

redis_reply reply_of(const std::string& text) { return *redis_reply_parser().parse(text).reply; }
const redis_address asked{"10.0.0.9", 6379, {}};

TEST_CASE("the masters of a cluster are read with their slots") {
  const auto slots =
      redis_slots::read(reply_of("*3\r\n*3\r\n:0\r\n:5460\r\n*3\r\n$8\r\n10.0.0.1\r\n:7000\r\n$2\r\nid\r\n"
                                 "*4\r\n:5461\r\n:16383\r\n*2\r\n$0\r\n\r\n:7001\r\n*2\r\n$8\r\n10.0.0.3\r\n:7002\r\n"
                                 "*3\r\n:16000\r\n:16000\r\n*2\r\n$1\r\n?\r\n:7003\r\n"),
                        asked);
  REQUIRE(slots);
  CHECK(slots->masters().size() == 2);
  CHECK(*slots->find(0) == redis_address{"10.0.0.1", 7000, {}});
  CHECK(*slots->find(5460) == redis_address{"10.0.0.1", 7000, {}});
  CHECK(*slots->find(5461) == redis_address{"10.0.0.9", 7001, {}});
  CHECK(*slots->find(16000) == redis_address{"10.0.0.9", 7001, {}});
}

TEST_CASE("one slot can change hands, and an unknown one has none") {
  redis_slots slots;
  CHECK(slots.find(7) == nullptr);
  slots.assign(7, asked);
  CHECK(*slots.find(7) == asked);
  slots.assign(7, {"h", 1, {}});
  CHECK(*slots.find(7) == redis_address{"h", 1, {}});
  CHECK(slots.find(8) == nullptr);
}

TEST_CASE("a map of slots that makes no sense is not used") {
  for (const char* text : {"-ERR This instance has cluster support disabled\r\n", "+OK\r\n", "*1\r\n:1\r\n",
                           "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
                           "*1\r\n*3\r\n:-1\r\n:3\r\n*2\r\n$1\r\nh\r\n:1\r\n", "*1\r\n*3\r\n:5\r\n:3\r\n*2\r\n$1\r\nh\r\n:1\r\n",
                           "*1\r\n*3\r\n:0\r\n:3\r\n*2\r\n$1\r\nh\r\n:0\r\n", "*1\r\n*3\r\n:0\r\n:3\r\n*1\r\n$1\r\nh\r\n"})
    CHECK_MESSAGE(!redis_slots::read(reply_of(text), asked), text);
}

}  // namespace
