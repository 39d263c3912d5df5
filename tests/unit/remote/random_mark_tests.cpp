#include <larder/remote/random_mark.hpp>

#include <set>
#include <string>

#include <doctest/doctest.h>

TEST_CASE("marks are hexadecimal, of one length, and never the same") {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string mark = larder::remote::random_mark();
    CHECK(mark.size() == larder::remote::random_mark_size);
    CHECK(mark.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(seen.insert(mark).second);
  }
}
