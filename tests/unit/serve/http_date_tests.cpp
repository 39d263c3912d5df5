#include <larder/serve/http_date.hpp>

#include <doctest/doctest.h>

TEST_CASE("a moment is written as HTTP has it") {
  larder::serve::http_date date;
  CHECK(date.text(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(date.text(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(date.text(784111778) == "Sun, 06 Nov 1994 08:49:38 GMT");
  CHECK(date.text(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date.text(1709210096) == "Thu, 29 Feb 2024 12:34:56 GMT");
}
