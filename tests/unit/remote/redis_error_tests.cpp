#include <larder/remote/redis_error.hpp>

#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

namespace {

using larder::error_cause;
using larder::remote::fail_redis;
using larder::remote::meaning_of_redis_error;
using larder::remote::parse_redirection;
using larder::remote::redis_address;

TEST_CASE("each error of a server has its cause") {
  for (const auto& each : {
           std::pair<std::string_view, error_cause>{"NOAUTH Authentication required.", error_cause::unauthorized},
           {"WRONGPASS invalid username-password pair or user is disabled.", error_cause::unauthorized},
           {"NOPERM this user has no permissions to run the 'set' command", error_cause::unauthorized},
           {"ERR invalid password", error_cause::unauthorized},
           {"ERR Client sent AUTH, but no password is set", error_cause::unauthorized},
           {"ERR AUTH <password> called without any password configured for the default user. Are you sure?",
            error_cause::unauthorized},
           {"OOM command not allowed when used memory > 'maxmemory'.", error_cause::no_space},
           {"OOM command not allowed when used memory > 'maxmemory'. script: 1234, on @user_script:1.", error_cause::no_space},
           {"ERR Error running script (call to f_12): @user_script:1: @user_script: 1: -OOM command not allowed",
            error_cause::no_space},
           {"ERR Error running script (call to f_12): @user_script:1: -READONLY You can't write against a read only replica.",
            error_cause::server},
           {"ERR DB index is out of range", error_cause::invalid_argument},
           {"ERR SELECT is not allowed in cluster mode", error_cause::invalid_argument},
           {"LOADING Redis is loading the dataset in memory", error_cause::server},
           {"CLUSTERDOWN Hash slot not served", error_cause::server},
           {"WRONGTYPE Operation against a key holding the wrong kind of value", error_cause::corruption},
           {"ERR unknown command", error_cause::server},
           {"", error_cause::server},
           {"OOMPH", error_cause::server},
           {"what is this", error_cause::server},
       })
    CHECK_MESSAGE(meaning_of_redis_error(each.first).cause == each.second, each.first);
}

TEST_CASE("a server that is loading, busy or without its cluster is down, and whatever else it refuses shows that it is not") {
  for (const std::string_view code : {"LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN"})
    CHECK_MESSAGE(meaning_of_redis_error(std::string(code) + " in its words").is_down, code);
  for (const std::string_view code : {"NOAUTH", "WRONGPASS", "NOPERM", "OOM", "READONLY", "NOREPLICAS", "MISCONF", "CROSSSLOT",
                                      "WRONGTYPE", "NOSCRIPT", "ERR", "", "BUSYGROUP", "what is this"})
    CHECK_MESSAGE(!meaning_of_redis_error(std::string(code) + " in its words").is_down, code);
}

TEST_CASE("a failure names the code and the way out, and nothing else that the server wrote") {
  const auto message = [](std::string_view text) {
    try {
      fail_redis("redis at h:1", text);
    } catch (const larder::error& failure) {
      return std::string(failure.what());
    }
  };
  CHECK(message("OOM command hunter2").find("maxmemory-policy") != std::string::npos);
  CHECK(message("READONLY x hunter2").find("replica") != std::string::npos);
  for (const std::string_view text : {"OOM hunter2", "ERR unknown command 'AUTH', with args beginning with: 'hunter2'", "hunter2",
                                      "HUNTERhunter2 x", "-hunter2"}) {
    CHECK(message(text).find("hunter2") == std::string::npos);
    CHECK(message(text).find("redis at h:1") != std::string::npos);
  }
}

TEST_CASE("redirections are read strictly") {
  const redis_address asked{"10.0.0.9", 6379, {}};
  const auto moved = parse_redirection("MOVED 3999 10.0.0.1:6381", asked);
  REQUIRE(moved);
  CHECK(!moved->ask);
  CHECK(moved->slot == 3999);
  CHECK(moved->target == redis_address{"10.0.0.1", 6381, {}});
  const auto ask = parse_redirection("ASK 0 fe80::1:6381", asked);
  REQUIRE(ask);
  CHECK(ask->ask);
  CHECK(ask->target == redis_address{"fe80::1", 6381, {}});
  CHECK(parse_redirection("MOVED 1 :6380", asked)->target == redis_address{"10.0.0.9", 6380, {}});
  for (const std::string_view text :
       {"MOVED", "MOVED ", "MOVED 1", "MOVED 16384 h:1", "MOVED -1 h:1", "MOVED 1 h", "MOVED 1 h:0", "MOVED 1 h:65536",
        "MOVED 1 h x:1", "MOVED x h:1", "MOVED 1 h/..:1", "MOVEDX 1 h:1", "ERR MOVED 1 h:1"})
    CHECK_MESSAGE(!parse_redirection(text, asked), text);
  CHECK(!parse_redirection("MOVED 1 :6380", redis_address{{}, 1, "/socket"}));
}

}  // namespace
