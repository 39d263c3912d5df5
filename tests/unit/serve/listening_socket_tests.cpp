#include "support/refusal.hpp"
#include "support/talk.hpp"

#include <larder/serve/listening_socket.hpp>

#include <cstdint>
#include <string>

namespace serve = larder::serve;

TEST_CASE("an address is one of an interface") {
  for (const char* host : {"localhost", "127.0.0.1", "127.8.9.10", "::1"}) CHECK(serve::bind_address(host, 0).is_loopback());
  for (const char* host : {"0.0.0.0", "10.0.0.7", "126.0.0.1", "128.0.0.1", "::", "fe80::1", "::ffff:127.0.0.1"})
    CHECK_FALSE(serve::bind_address(host, 65535).is_loopback());
  for (const char* host : {"", "example.org", "127.0.0.1:80", "127.1", "localhost.", "[::1]", "*"}) {
    const auto refused = support::refusal_of([&] { serve::bind_address(host, 0); });
    CHECK(refused.cause == larder::error_cause::invalid_argument);
    CHECK(support::says(refused, "localhost"));
  }
  CHECK(support::cause_of([] { serve::bind_address("127.0.0.1", -1); }) == larder::error_cause::invalid_argument);
  CHECK(support::says(support::refusal_of([] { serve::bind_address("127.0.0.1", 65536); }), "65536"));
}

TEST_CASE("an address that other machines reach wants a token, in the name of whoever serves there") {
  serve::bind_address("127.0.0.1", 0).refuse_strangers(false, "127.0.0.1");
  serve::bind_address("0.0.0.0", 0).refuse_strangers(true, "0.0.0.0");
  const auto refused = support::refusal_of([] { serve::bind_address("0.0.0.0", 0).refuse_strangers(false, "0.0.0.0", "metrics_server"); });
  CHECK(refused.cause == larder::error_cause::invalid_argument);
  CHECK(support::says(refused, "metrics_server: host 0.0.0.0"));
  CHECK(support::says(refused, "set a token"));
}

TEST_CASE("the text of an address puts brackets around IPv6") {
  CHECK(serve::url_of("localhost", 8080) == "http://localhost:8080");
  CHECK(serve::url_of("::1", 80) == "http://[::1]:80");
}

TEST_CASE("a port that is free is found, one that is taken is refused") {
  const serve::bind_address any("127.0.0.1", 0);
  const serve::listening_socket first = serve::listening_socket::open(any, "127.0.0.1", 0);
  CHECK(first.port > 0);
  const support::talk client(static_cast<std::uint16_t>(first.port));
  const serve::bind_address same("127.0.0.1", first.port);
  const auto refused = support::refusal_of([&] { serve::listening_socket::open(same, "127.0.0.1", first.port); });
  CHECK(refused.cause == larder::error_cause::io);
  CHECK(support::says(refused, std::to_string(first.port)));
}
