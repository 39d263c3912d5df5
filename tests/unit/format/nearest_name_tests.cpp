#include <larder/format/nearest_name.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using larder::format::known_names;

TEST_CASE("what a name could have meant is said, and what there is") {
  const std::vector<std::string_view> names{"species", "island", "sex"};
  CHECK(known_names("specis", names) == R"(; did you mean "species"? There are "species", "island", "sex")");
  CHECK(known_names("weight", names) == R"(; there are "species", "island", "sex")");
  CHECK(known_names("six", names) == R"(; did you mean "sex"? There are "species", "island", "sex")");
  CHECK(known_names("x", {}) == "; there are none");
  const std::vector<std::string_view> many(20, "ab");
  CHECK(known_names("zzz", many).find(R"("ab", "ab" and 4 more)") != std::string::npos);
}
