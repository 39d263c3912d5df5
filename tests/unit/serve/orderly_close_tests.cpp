#include <larder/serve/orderly_close.hpp>

#include <array>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

using larder::serve::all_is_taken;
using larder::serve::hear_out;
using larder::serve::last_words;

TEST_CASE("a client is heard out in bounded parts until it is done, and has taken all when it has read") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  CHECK(hear_out(ends[0]) == last_words::not_yet);
  const std::string much(16 * 4096 + 10, 'x');
  REQUIRE(::send(ends[1], much.data(), much.size(), 0) == static_cast<ssize_t>(much.size()));
  CHECK(hear_out(ends[0]) == last_words::more);
  CHECK(hear_out(ends[0]) == last_words::not_yet);

  CHECK(all_is_taken(ends[0]));
  REQUIRE(::send(ends[0], "bye", 3, 0) == 3);
  CHECK(!all_is_taken(ends[0]));
  std::array<char, 8> heard{};
  CHECK(::recv(ends[1], heard.data(), heard.size(), 0) == 3);
  CHECK(all_is_taken(ends[0]));
  ::close(ends[1]);
  CHECK(hear_out(ends[0]) == last_words::over);
  ::close(ends[0]);
}
