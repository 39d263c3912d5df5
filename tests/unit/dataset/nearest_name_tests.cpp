#include <larder/dataset/nearest_name.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::datasets::edit_distance;
using larder::datasets::known_names;

namespace {

std::size_t plainly(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.size() + b.size();
  return std::min({plainly(a.substr(1), b) + 1, plainly(a, b.substr(1)) + 1, plainly(a.substr(1), b.substr(1)) + (a[0] == b[0] ? 0 : 1)});
}

}  // namespace

TEST_CASE("the distance of names is the fewest edits") {
  CHECK(rc::check("against trying all", [] {
    const auto name = rc::gen::resize(6, rc::gen::container<std::string>(rc::gen::element('a', 'b', 'c')));
    const std::string a = *name;
    const std::string b = *name;
    RC_ASSERT(edit_distance(a, b) == plainly(a, b));
  }));
  CHECK(edit_distance(std::string(64, 'a'), std::string(64, 'b')) == 64);
  CHECK(edit_distance(std::string(65, 'a'), std::string(65, 'a')) == 65);
}

TEST_CASE("what a name could have meant is said, and what there is") {
  const std::vector<std::string_view> names{"species", "island", "sex"};
  CHECK(known_names("specis", names) == R"(; did you mean "species"? There are "species", "island", "sex")");
  CHECK(known_names("weight", names) == R"(; there are "species", "island", "sex")");
  CHECK(known_names("six", names) == R"(; did you mean "sex"? There are "species", "island", "sex")");
  CHECK(known_names("x", {}) == "; there are none");
  const std::vector<std::string_view> many(20, "ab");
  CHECK(known_names("zzz", many).find(R"("ab", "ab" and 4 more)") != std::string::npos);
}
