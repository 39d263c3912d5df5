#include <larder/remote/redis_address.hpp>

#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace {

using larder::remote::parse_redis_url;
using larder::remote::redis_address;

std::string refusal(std::string_view text) {
  try {
    static_cast<void>(parse_redis_url(text));
  } catch (const larder::error& refused) {
    CHECK(refused.cause() == larder::error_cause::invalid_argument);
    return refused.what();
  }
  return {};
}

TEST_CASE("a redis url names host, port, database and user, and has defaults for all but the host") {
  const auto whole = parse_redis_url("redis://cache%20user@Host-1.example:6380/3");
  CHECK(whole.address == redis_address{"Host-1.example", 6380, {}});
  CHECK(whole.user == "cache user");
  CHECK(whole.database == 3U);
  const auto least = parse_redis_url("redis://h");
  CHECK(least.address == redis_address{"h", 6379, {}});
  CHECK(least.user.empty());
  CHECK(!least.database);
  CHECK(!parse_redis_url("redis://h/").database);
  CHECK(parse_redis_url("redis://[::1]:7000/0").address == redis_address{"::1", 7000, {}});
  CHECK(parse_redis_url("redis://[::1]").address.printable() == "redis at [::1]:6379");
}

TEST_CASE("a redis url with a password is refused and the password is not repeated") {
  for (const std::string_view text :
       {"redis://user:hunter2@host", "redis://:hunter2@host", "redis://user:hunter2@x@host", "redis://hunter2/@host/"}) {
    const std::string why = refusal(text);
    CHECK(why.find("password") != std::string::npos);
    CHECK(why.find("hunter2") == std::string::npos);
  }
}

TEST_CASE("a redis url that cannot be used is refused with a sentence") {
  CHECK(refusal("rediss://h").find("TLS") != std::string::npos);
  for (const std::string_view text : {"",
                                      "h:6379",
                                      "http://h",
                                      "redis://",
                                      "redis://:6379",
                                      "redis://h:0",
                                      "redis://h:65536",
                                      "redis://h:x",
                                      "redis://h:",
                                      "redis://h/x",
                                      "redis://h/1/2",
                                      "redis://h/-1",
                                      "redis://h?x=1",
                                      "redis://h#f",
                                      "redis://h h",
                                      "redis://h\r\nx",
                                      "redis://[::1",
                                      "redis://[::1]x",
                                      "redis://@h",
                                      "redis://%zz@h",
                                      "redis://h/99999",
                                      "redis://a$b"})
    CHECK_MESSAGE(!refusal(text).empty(), text);
}

TEST_CASE("only loopback numbers, localhost and socket files are this machine") {
  CHECK(redis_address{"127.0.0.1", 1, {}}.is_local());
  CHECK(redis_address{"127.9.9.9", 1, {}}.is_local());
  CHECK(redis_address{"::1", 1, {}}.is_local());
  CHECK(redis_address{"localhost", 1, {}}.is_local());
  CHECK(redis_address{{}, 1, "/run/redis.sock"}.is_local());
  CHECK(!redis_address{"10.0.0.1", 1, {}}.is_local());
  CHECK(!redis_address{"127.0.0.1.evil.example", 1, {}}.is_local());
  CHECK(!redis_address{"localhost.evil.example", 1, {}}.is_local());
}

}  // namespace
