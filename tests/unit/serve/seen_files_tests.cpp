#include <doctest/doctest.h>

#include <larder/serve/seen_files.hpp>

#include <string>

namespace serve = larder::serve;

TEST_CASE("what is known of a file holds until it changes") {
  serve::seen_files seen;
  const serve::file_stamp stamp{.device = 1, .inode = 2, .size = 3, .modified = 4, .changed = 5};
  CHECK_FALSE(seen.has("a", stamp));
  seen.note("a", stamp);
  CHECK(seen.has("a", stamp));
  CHECK_FALSE(seen.has("b", stamp));
  serve::file_stamp changed = stamp;
  changed.changed = 6;
  CHECK_FALSE(seen.has("a", changed));
  seen.note("a", changed);
  CHECK(seen.has("a", changed));
  CHECK_FALSE(seen.has("a", stamp));
}

TEST_CASE("files that nobody asks for any more are forgotten, those in use are not") {
  serve::seen_files seen;
  const serve::file_stamp stamp{.inode = 1};
  seen.note("used", stamp);
  for (int i = 0; i < 10'000; ++i) {
    seen.note(std::to_string(i), stamp);
    REQUIRE(seen.has("used", stamp));
  }
  CHECK_FALSE(seen.has("0", stamp));
  CHECK(seen.has("9999", stamp));
}
