#include <larder/serve/request_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace {

void add(larder::serve::request_buffer& buffer, std::string_view text, std::size_t most = 100'000) {
  const std::span<char> room = buffer.room(most);
  REQUIRE(room.size() >= text.size());
  std::copy(text.begin(), text.end(), room.begin());
  buffer.add(text.size());
}

}  // namespace

TEST_CASE("what is said is kept until it is dealt with") {
  larder::serve::request_buffer buffer;
  CHECK(buffer.empty());
  add(buffer, "onetwo");
  CHECK(buffer.text() == "onetwo");
  buffer.drop(3);
  CHECK(buffer.text() == "two");
  add(buffer, "three");
  CHECK(buffer.text() == "twothree");
  buffer.drop(8);
  CHECK(buffer.empty());
}

TEST_CASE("it grows with what is said, as far as it may") {
  larder::serve::request_buffer buffer;
  std::string said;
  while (said.size() < 10'001) {
    const std::size_t n = std::min<std::size_t>(buffer.room(10'001).size(), 1000);
    REQUIRE(n != 0);
    const std::string part(n, static_cast<char>('a' + said.size() / 1000));
    add(buffer, part, 10'001);
    said += part;
  }
  CHECK(buffer.text() == said);
  CHECK(buffer.room(10'001).empty());
  CHECK_FALSE(buffer.room(20'000).empty());
  CHECK(buffer.text() == said);
}
