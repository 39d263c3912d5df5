#include <larder/format/nearest_name.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using larder::format::known_names;
using larder::format::nearest_name;

TEST_CASE("what a name could have meant is said, and what there is") {
  const std::vector<std::string_view> names{"species", "island", "sex"};
  CHECK(known_names("specis", names) == R"(; did you mean "species"? There are "species", "island", "sex")");
  CHECK(known_names("weight", names) == R"(; there are "species", "island", "sex")");
  CHECK(known_names("six", names) == R"(; did you mean "sex"? There are "species", "island", "sex")");
  CHECK(known_names("x", {}) == "; there are none");
  const std::vector<std::string_view> many(20, "ab");
  CHECK(known_names("zzz", many).find(R"("ab", "ab" and 4 more)") != std::string::npos);
}

TEST_CASE("the nearest name is told whatever its case, with letters swapped, with _ and - left out") {
  const std::vector<std::string_view> orders{"lfu", "lru", "s3_fifo", "sieve"};
  CHECK(nearest_name("lur", orders) == "lru");
  CHECK(nearest_name("LRU", orders) == "lru");
  CHECK(nearest_name("S3-FIF0", orders) == "s3_fifo");
  CHECK(nearest_name("s3fifo", orders) == "s3_fifo");
  CHECK(nearest_name("seive", orders) == "sieve");
  CHECK(nearest_name("random", orders).empty());
  CHECK(nearest_name("", orders).empty());
  CHECK(nearest_name("lru", {}).empty());
  CHECK(known_names("LRU", orders).starts_with(R"(; did you mean "lru"? There are)"));
}
