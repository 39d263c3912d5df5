#include <larder/serve/requested_range.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

using larder::serve::choose_part;
using larder::serve::content_part;

namespace {

std::string part_of(std::string_view range, std::uint64_t size) {
  const content_part part = choose_part(range, size);
  if (part.what == content_part::kind::none_such) return "none";
  return (part.what == content_part::kind::whole ? "whole " : "part ") + std::to_string(part.first) + "+" +
         std::to_string(part.size);
}

}  // namespace

TEST_CASE("a single range of bytes is the part that it names, cut at the end") {
  CHECK(part_of("bytes=0-0", 10) == "part 0+1");
  CHECK(part_of("bytes=0-9", 10) == "part 0+10");
  CHECK(part_of("bytes=3-5", 10) == "part 3+3");
  CHECK(part_of("bytes=3-99", 10) == "part 3+7");
  CHECK(part_of("bytes=9-", 10) == "part 9+1");
  CHECK(part_of("bytes=-1", 10) == "part 9+1");
  CHECK(part_of("bytes=-10", 10) == "part 0+10");
  CHECK(part_of("bytes=-11", 10) == "part 0+10");
  CHECK(part_of("Bytes= 1-2", 10) == "part 1+2");
  CHECK(part_of("bytes=1-18446744073709551615", 10) == "part 1+9");
  CHECK(part_of("bytes=1-99999999999999999999999999", 10) == "part 1+9");
  CHECK(part_of("bytes=-99999999999999999999999999", 10) == "part 0+10");
}

TEST_CASE("a range without a byte that is there is none") {
  CHECK(part_of("bytes=10-", 10) == "none");
  CHECK(part_of("bytes=10-11", 10) == "none");
  CHECK(part_of("bytes=-0", 10) == "none");
  CHECK(part_of("bytes=0-", 0) == "none");
  CHECK(part_of("bytes=-1", 0) == "none");
  CHECK(part_of("bytes=99999999999999999999999999-", 10) == "none");
  CHECK(part_of("bytes=18446744073709551615-18446744073709551615", 10) == "none");
}

TEST_CASE("what is no single range of bytes is the whole") {
  for (const char* range :
       {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=0-1,3-4", "bytes=0-0,-1", "items=0-1", "0-1",
        "bytes 0-1", "bytes=1", "bytes=+1-2", "bytes=1-2-3", "bytes=--1", "bytes=1 -2", "bytes=0x1-2"})
    CHECK(part_of(range, 10) == "whole 0+10");
}
