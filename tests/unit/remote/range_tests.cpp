#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/url.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

TEST_CASE("a 206 is taken when it is the part that was asked for, cut by nothing but the object's end") {
  const auto taken = [](std::optional<larder::byte_range> asked, std::string_view content_range, std::uint64_t size, bool lands) {
    larder::remote::http_request request;
    request.target = larder::remote::parse_url("http://h/o", "test url");
    request.range = asked;
    larder::remote::http_response answer;
    answer.status = 206;
    if (!content_range.empty()) answer.headers.push_back({"content-range", larder::secret(content_range)});
    if (lands)
      answer.landed = size;
    else
      answer.body = larder::bytes::copy_of(std::string(static_cast<std::size_t>(size), 'x'));
    try {
      larder::remote::check_partial_answer(request, answer);
      return true;
    } catch (const larder::error& e) {
      CHECK(e.cause() == larder::error_cause::server);
      return false;
    }
  };
  const larder::byte_range asked{10, 5};
  const larder::byte_range to_the_end{10, ~std::uint64_t{0}};
  for (const bool lands : {false, true}) {
    CHECK(taken(asked, "bytes 10-14/100", 5, lands));
    CHECK(taken(asked, "bytes 10-14/*", 5, lands));
    CHECK(taken(asked, "bytes 10-12/13", 3, lands));  // the object ends there
    CHECK(taken(to_the_end, "bytes 10-99/100", 90, lands));
    CHECK_FALSE(taken(std::nullopt, "bytes 10-14/100", 5, lands));
    CHECK_FALSE(taken(std::nullopt, "bytes 0-4/5", 5, lands));
    CHECK_FALSE(taken(asked, "", 5, lands));
    CHECK_FALSE(taken(asked, "bytes 10-x/100", 5, lands));
    CHECK_FALSE(taken(asked, "bytes 9-13/100", 5, lands));
    CHECK_FALSE(taken(asked, "bytes 11-14/100", 4, lands));
    CHECK_FALSE(taken(asked, "bytes 10-14/100", 4, lands));
    CHECK_FALSE(taken(asked, "bytes 10-14/100", 6, lands));
    CHECK_FALSE(taken(asked, "bytes 10-14/100", 0, lands));
    CHECK_FALSE(taken(asked, "bytes 10-15/100", 6, lands));
    CHECK_FALSE(taken(asked, "bytes 10-12/100", 3, lands));
    CHECK_FALSE(taken(asked, "bytes 10-12/*", 3, lands));
    CHECK_FALSE(taken(to_the_end, "bytes 10-98/100", 89, lands));
  }
}
