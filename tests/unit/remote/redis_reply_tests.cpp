#include <larder/remote/redis_reply.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace {

using larder::remote::redis_reply;
using larder::remote::redis_reply_parser;
using type = redis_reply::type;

/// The reply in pieces of `step` bytes, and how much of the text it was.
std::optional<redis_reply> read(std::string_view text, std::size_t step, std::size_t* used = nullptr) {
  redis_reply_parser parser;
  std::size_t at = 0;
  while (at < text.size()) {
    auto made = parser.parse(text.substr(at, step));
    at += made.used;
    if (used != nullptr) *used = at;
    if (made.reply) return std::move(made.reply);
  }
  return std::nullopt;
}

TEST_CASE("every type of reply is read, in pieces of any size, and what follows it is left") {
  const std::string text = "*6\r\n+OK\r\n-ERR no\r\n:-42\r\n$-1\r\n$4\r\na\r\nb\r\n*2\r\n$0\r\n\r\n*-1\r\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1000}}) {
    std::size_t used = 0;
    const auto reply = read(text + "+NEXT\r\n", step, &used);
    REQUIRE(reply);
    CHECK(used == text.size());
    REQUIRE(reply->elements.size() == 6);
    CHECK(reply->elements[0].is(type::status));
    CHECK(reply->elements[0].text == "OK");
    CHECK(reply->elements[1].is(type::error));
    CHECK(reply->elements[1].text == "ERR no");
    CHECK(reply->elements[2].number == -42);
    CHECK(reply->elements[3].is(type::nil));
    CHECK(reply->elements[4].text == "a\r\nb");
    REQUIRE(reply->elements[5].elements.size() == 2);
    CHECK(reply->elements[5].elements[0].is(type::text));
    CHECK(reply->elements[5].elements[1].is(type::nil));
  }
  CHECK(read("*0\r\n", 1)->is(type::array));
  CHECK(!read("$5\r\nhell", 1000));
}

TEST_CASE("what is no reply, too deep, too many or too long is refused") {
  for (const std::string_view text : {"hello\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", ":x\r\n",
                                      "$99999999999999999999\r\n", "*99999999999\r\n"})
    CHECK_THROWS_AS(read(text, 1000), larder::error);
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "*1\r\n";
  CHECK_THROWS_AS(read(deep + ":1\r\n", 1000), larder::error);
  std::string many = "*1000000\r\n";
  for (int i = 0; i < 300'000; ++i) many += ":1\r\n";
  CHECK_THROWS_WITH_AS(read(many, 65536), doctest::Contains("elements"), larder::error);
  CHECK_THROWS_WITH_AS(read("$1000000000\r\n" + std::string(redis_reply_parser::most_bytes + 1000, 'x'), 65536),
                       doctest::Contains("longer"), larder::error);
  CHECK_THROWS_WITH_AS(read("+" + std::string(redis_reply_parser::most_bytes + 1000, 'x'), 65536), doctest::Contains("longer"),
                       larder::error);
}

TEST_CASE("an announced number of elements costs nothing before they come") { CHECK(!read("*2147483647\r\n:1\r\n", 1000)); }

}  // namespace
