#include <larder/remote/time_text.hpp>

#include <chrono>
#include <ctime>
#include <optional>
#include <string>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
namespace remote = larder::remote;
using remote::parse_local_time;
using remote::parse_rfc1123;
using remote::parse_rfc3339;

TEST_CASE("RFC 3339 texts are moments, in whatever zone they are written") {
  CHECK(parse_rfc3339("1970-01-01T00:00:00Z") == larder::instant(0));
  CHECK(parse_rfc3339("2026-11-20T16:45:57Z") == larder::instant(1'795'193'157s));
  CHECK(parse_rfc3339("2026-11-20T17:45:57+01:00") == larder::instant(1'795'193'157s));
  CHECK(parse_rfc3339("2026-11-20 11:15:57.1234567-05:30") == larder::instant(1'795'193'157s));
  CHECK(parse_rfc3339("2024-02-29T00:00:00z") == larder::instant(1'709'164'800s));
}

TEST_CASE("RFC 1123 texts are moments") {
  CHECK(parse_rfc1123("Fri, 20 Nov 2026 16:45:57 GMT") == larder::instant(1'795'193'157s));
  CHECK(parse_rfc1123("Thu, 01 Jan 1970 00:00:00 GMT") == larder::instant(0));
}

TEST_CASE("a local time is a moment in the zone of this machine") {
  std::tm parts{};
  parts.tm_year = 126;
  parts.tm_mon = 10;
  parts.tm_mday = 20;
  parts.tm_hour = 16;
  parts.tm_min = 45;
  parts.tm_sec = 57;
  parts.tm_isdst = -1;
  const larder::instant expected = std::chrono::seconds(std::mktime(&parts));
  CHECK(parse_local_time("2026-11-20 16:45:57.000000") == expected);
  CHECK(parse_local_time("2026-11-20 16:45:57") == expected);
}

TEST_CASE("what is not such a text is no moment") {
  for (const char* text :
       {"", "2026", "2026-11-20", "2026-11-20T16:45:57", "2026-13-20T16:45:57Z", "2026-11-31T16:45:57Z", "2023-02-29T00:00:00Z",
        "2026-11-20T24:45:57Z", "2026-11-20T16:60:57Z", "2026-11-20T16:45:61Z", "2026-11-20T16:45:57.Z", "2026-11-20T16:45:57Zx",
        "2026-11-20T16:45:57+1:00", "2026-11-20T16:45:57+24:00", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z",
        "+026-11-20T16:45:57Z", "2026-11-20T-6:45:57Z"}) {
    CAPTURE(text);
    CHECK(parse_rfc3339(text) == std::nullopt);
  }
  for (const char* text : {"", "Fri", "Fry, 20 Nov 2026 16:45:57 GMT", "Fri, 20 Nov 2026 16:45:57",
                           "Fri, 20 Nov 2026 16:45:57 UTC", "Fri, 20 Nox 2026 16:45:57 GMT", "Fri, 31 Nov 2026 16:45:57 GMT",
                           "Fri, 2 Nov 2026 16:45:57 GMT", "Friday, 20-Nov-26 16:45:57 GMT"}) {
    CAPTURE(text);
    CHECK(parse_rfc1123(text) == std::nullopt);
  }
  for (const char* text : {"", "2026-11-20", "2026-11-20 16:45:57Z", "2026-11-20 16:45:57+01:00", "2026-02-30 16:45:57"}) {
    CAPTURE(text);
    CHECK(parse_local_time(text) == std::nullopt);
  }
}
