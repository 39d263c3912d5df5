#include <larder/remote/access_token.hpp>

#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace {

using namespace std::chrono_literals;
namespace remote = larder::remote;
using remote::access_token;
using remote::token_words;

constexpr larder::instant asked_at = 1'700'000'000s;

access_token read(std::string_view reply, token_words words = token_words::service) {
  return remote::access_token_reader::read(reply, "the reply", asked_at, words);
}

/// What the message of the refusal says; empty when there is none.
std::string refusal(std::string_view reply, token_words words = token_words::service) {
  try {
    read(reply, words);
  } catch (const larder::error& thrown) {
    CHECK(thrown.cause() == larder::error_cause::server);
    return thrown.what();
  }
  return {};
}

}  // namespace

TEST_CASE("the reply of a directory service gives a token and its end") {
  const access_token token = read(R"({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"ey.J.x"})");
  CHECK(token.text.reveal() == "ey.J.x");
  CHECK(token.expires == asked_at + 3599s);
  CHECK(token.refresh_at == std::nullopt);
}

TEST_CASE("numbers may come as texts, as the metadata service sends them") {
  const access_token token = read(
      R"({"access_token":"t","client_id":"c","expires_in":"86399","expires_on":"1700086399","refresh_in":"43200","resource":"r","token_type":"bearer"})");
  CHECK(token.expires == asked_at + 86'399s);
  CHECK(token.refresh_at == asked_at + 43'200s);
}

TEST_CASE("the end may be a moment, in each of its forms") {
  for (const char* moment : {"1700003600", "\"1700003600\"", "\"2023-11-14T23:13:20Z\"", "\"2023-11-15T00:13:20.000+01:00\"",
                             "\"Tue, 14 Nov 2023 23:13:20 GMT\""}) {
    CAPTURE(moment);
    CHECK(read(R"({"access_token":"t","expires_on":)" + std::string(moment) + "}").expires == asked_at + 1h);
  }
}

TEST_CASE("a span is believed before a moment, which needs two right clocks") {
  CHECK(read(R"({"access_token":"t","expires_on":1700009999,"expires_in":60})").expires == asked_at + 60s);
}

TEST_CASE("the command line's reply is read in its words, and its expires_on before its local time") {
  CHECK(read(R"({"accessToken":"t","expiresOn":"2000-01-01 00:00:00.000000","expires_on":1700003600,"tokenType":"Bearer"})",
             token_words::command_line)
            .expires == asked_at + 1h);
  const std::time_t end = 1'700'003'600;
  std::tm parts{};
  localtime_r(&end, &parts);
  char text[64];
  REQUIRE(std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S.000000", &parts) != 0);
  CHECK(read(R"({"accessToken":"t","expiresOn":")" + std::string(text) + "\"}", token_words::command_line).expires ==
        asked_at + 1h);
  CHECK(refusal(R"({"access_token":"t","expires_on":1700003600})", token_words::command_line).find("no token") !=
        std::string::npos);
  CHECK(refusal(R"({"accessToken":"t","expires_on":1700003600})").find("no token") != std::string::npos);
}

TEST_CASE("a wish to be asked again that is not before the end is passed over") {
  for (const char* wish : {"0", "60", "61", "18446744073709551615"}) {
    CAPTURE(wish);
    CHECK(read(R"({"access_token":"t","expires_in":60,"refresh_in":)" + std::string(wish) + "}").refresh_at == std::nullopt);
  }
}

TEST_CASE("an end beyond a year is taken for a year, however large its number") {
  for (const char* end : {R"("expires_in":18446744073709551615)", R"("expires_in":"99999999999")",
                          R"("expires_on":18446744073709551615)", R"("expires_on":"2199-01-01T00:00:00Z")"}) {
    CAPTURE(end);
    CHECK(read(R"({"access_token":"t",)" + std::string(end) + "}").expires == asked_at + remote::longest_token_life);
  }
}

TEST_CASE("replies that cannot be used are refused, and no word of them is repeated") {
  const std::string planted = "PLANTED-SECRET";
  for (const std::string& reply : std::vector<std::string>{
           "",
           " ",
           "PLANTED-SECRET",
           "\"PLANTED-SECRET\"",
           "[\"PLANTED-SECRET\"]",
           "{\"access_token\":\"PLANTED-SECRET\"",
           "{}",
           R"({"access_token":"PLANTED-SECRET"})",
           R"({"access_token":"","expires_in":60})",
           R"({"access_token":null,"expires_in":60})",
           R"({"access_token":["PLANTED-SECRET"],"expires_in":60})",
           R"({"access_token":"PLANTED-SECRET\r\nX: y","expires_in":60})",
           R"({"access_token":"PLANTED SECRET","expires_in":60})",
           R"({"access_token":"PLANTED-SECRET\u0000","expires_in":60})",
           R"({"access_token":"PLANTED-SECRET\u00e9","expires_in":60})",
           R"({"access_token":"PLANTED-SECRET","access_token":"b","expires_in":60})",
           R"({"access_token":"PLANTED-SECRET","expires_in":60,"expires_in":61})",
           R"({"access_token":"PLANTED-SECRET","expires_in":0})",
           R"({"access_token":"PLANTED-SECRET","expires_in":-5})",
           R"({"access_token":"PLANTED-SECRET","expires_in":59.5})",
           R"({"access_token":"PLANTED-SECRET","expires_in":"PLANTED-SECRET"})",
           R"({"access_token":"PLANTED-SECRET","expires_in":true})",
           R"({"access_token":"PLANTED-SECRET","expires_on":1600000000})",
           R"({"access_token":"PLANTED-SECRET","expires_on":"PLANTED-SECRET"})",
           R"({"access_token":"PLANTED-SECRET","expires_on":{}})",
           R"({"access_token":"PLANTED-SECRET","expires_in":60,"refresh_in":"PLANTED-SECRET"})",
           R"({"access_token":"PLANTED-SECRET","expires_in":60,"token_type":"pop"})",
           R"({"access_token":"PLANTED-SECRET","expires_in":60,"token_type":7})",
           R"({"a":[[[[[[[[[[1]]]]]]]]]],"access_token":"PLANTED-SECRET","expires_in":60})",
           "{\"access_token\":\"PLANTED-SECRET" + std::string(remote::token_reply_limit, 'x') + "\",\"expires_in\":60}",
       }) {
    CAPTURE(reply.substr(0, 100));
    const std::string message = refusal(reply);
    CHECK(message.starts_with("larder: the reply cannot be used: "));
    CHECK(message.find("PLANTED") == std::string::npos);
  }
}

TEST_CASE("a token as long as a reply may be is read") {
  const std::string token(60'000, 'x');
  CHECK(read(R"({"access_token":")" + token + R"(","expires_in":60})").text.reveal() == token);
}
