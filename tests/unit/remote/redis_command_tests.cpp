#include <larder/remote/redis_command.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace {

using larder::bytes;
using larder::remote::redis_command;

std::string sent(const redis_command& command) {
  std::string head;
  std::vector<std::string_view> pieces;
  command.gather(head, pieces);
  std::string out;
  for (const std::string_view each : pieces) out += each;
  return out;
}

TEST_CASE("a command is an array of words with their lengths, whatever they hold") {
  CHECK(sent({"GET", "a\r\nb"}) == "*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n");
  CHECK(sent({"X", ""}) == "*2\r\n$1\r\nX\r\n$0\r\n\r\n");
  CHECK(sent(redis_command{"SELECT"}.number(12)) == "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n");
  CHECK(sent(redis_command{"AUTH"}.borrowed("pw")) == "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n");
}

TEST_CASE("a value is borrowed from any place of its parts and words may follow it") {
  const std::array<bytes, 4> parts{bytes::copy_of("abc"), bytes{}, bytes::copy_of("defg"), bytes::copy_of("h")};
  CHECK(sent(redis_command{"SET", "k"}.value("<>", parts, 0, 8).word("NX")) ==
        "*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n<>abcdefgh\r\n$2\r\nNX\r\n");
  CHECK(sent(redis_command{"SET"}.value({}, parts, 2, 3)) == "*2\r\n$3\r\nSET\r\n$3\r\ncde\r\n");
  CHECK(sent(redis_command{"SET"}.value({}, parts, 7, 1)) == "*2\r\n$3\r\nSET\r\n$1\r\nh\r\n");
  CHECK(sent(redis_command{"SET"}.value("x", parts, 0, 0).word("NX")) == "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2\r\nNX\r\n");
  CHECK(sent(redis_command{"SET"}.value("x", {}, 0, 0).word("NX")) == "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2\r\nNX\r\n");
}

TEST_CASE("the weight of a command counts its value and what it expects") {
  const bytes value = bytes::copy_of(std::string(1000, 'x'));
  CHECK(redis_command{"GET", "k"}.expects(500).weight() >= 500);
  CHECK(redis_command{"GET", "k"}.expects(500).weight() < 600);
  CHECK(redis_command{"SET", "k"}.value({}, {&value, 1}, 0, 1000).weight() >= 1000);
}

}  // namespace
