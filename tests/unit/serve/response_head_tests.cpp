#include <larder/serve/response_head.hpp>
#include <larder/serve/server_counts.hpp>

#include <cstdint>
#include <string>

#include <doctest/doctest.h>

namespace serve = larder::serve;

TEST_CASE("a head is written line by line") {
  std::string out;
  serve::response_head head(out, 206, "now");
  head.field("ETag", "\"a\"")
      .field("Content-Length", std::uint64_t{18446744073709551615U})
      .content_range(5, 10, 100)
      .no_content_range(7);
  head.end();
  CHECK(out ==
        "HTTP/1.1 206 Partial Content\r\nServer: larder\r\nDate: now\r\nETag: \"a\"\r\nContent-Length: 18446744073709551615\r\n"
        "Content-Range: bytes 5-14/100\r\nContent-Range: bytes */7\r\n\r\n");
}

TEST_CASE("every status that is answered and counted has its words") {
  serve::server_counts counts;
  for (const int status : serve::answered_statuses) {
    CHECK(serve::reason_of(status) != "Unknown");
    counts.add_answer(status);
  }
  CHECK(serve::reason_of(299) == "Unknown");
  CHECK(counts.answers() == serve::answered_statuses.size());
}
