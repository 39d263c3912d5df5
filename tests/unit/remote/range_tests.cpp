#include <larder/remote/range.hpp>

#include <optional>
#include <string>

#include <doctest/doctest.h>

namespace remote = larder::remote;

TEST_CASE("a range is asked for by its first and last byte") {
  constexpr std::uint64_t top = ~std::uint64_t{0};
  CHECK(remote::range_header({0, 1}) == "bytes=0-0");
  CHECK(remote::range_header({5, 10}) == "bytes=5-14");
  CHECK(remote::range_header({5, top}) == "bytes=5-");
  CHECK(remote::range_header({top, 1}) == "bytes=" + std::to_string(top) + "-");
  CHECK(remote::range_header({top - 1, 1}) == "bytes=" + std::to_string(top - 1) + "-" + std::to_string(top - 1));
  CHECK(remote::range_header({2, top - 1}) == "bytes=2-");
}

TEST_CASE("a Content-Range is read strictly") {
  const auto good = remote::parse_content_range("bytes 5-14/100");
  REQUIRE(good);
  CHECK(good->first == 5);
  CHECK(good->last == 14);
  CHECK(good->total == 100);
  REQUIRE(remote::parse_content_range("bytes 0-0/*"));
  CHECK_FALSE(remote::parse_content_range("bytes 0-0/*")->total);
  for (const char* text : {"", "bytes", "bytes ", "bytes */100", "bytes 5-14", "bytes 14-5/100", "bytes 5-14/14", "bytes 5-14/", "bytes -5-14/100", "bytes 5--14/100",
                           "bytes +5-14/100", "bytes 5-14/1e3", "bytes 5/14-100", "octets 5-14/100", "bytes 5-99999999999999999999/*", "bytes 5-14/100 "})
    CHECK_FALSE(remote::parse_content_range(text));
}

TEST_CASE("a count is digits and nothing else") {
  CHECK(remote::parse_count("0") == 0);
  CHECK(remote::parse_count("18446744073709551615") == ~std::uint64_t{0});
  for (const char* text : {"", " 1", "1 ", "-1", "+1", "0x1", "18446744073709551616", "1,1"}) CHECK_FALSE(remote::parse_count(text));
}
