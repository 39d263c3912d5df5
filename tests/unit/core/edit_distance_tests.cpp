#include <larder/core/edit_distance.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::core::edit_distance;

namespace {

std::size_t plainly(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.size() + b.size();
  const std::size_t fewest = std::min(
      {plainly(a.substr(1), b) + 1, plainly(a, b.substr(1)) + 1, plainly(a.substr(1), b.substr(1)) + (a[0] == b[0] ? 0 : 1)});
  const bool is_swapped = a.size() > 1 && b.size() > 1 && a[0] == b[1] && a[1] == b[0];
  return is_swapped ? std::min(fewest, plainly(a.substr(2), b.substr(2)) + 1) : fewest;
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

TEST_CASE("letters that are swapped with their neighbour are one edit") {
  CHECK(edit_distance("lur", "lru") == 1);
  CHECK(edit_distance("lur", "lfu") == 2);
  CHECK(edit_distance("sieve", "seive") == 1);
  CHECK(edit_distance("ca", "abc") == 3);  // no letter is edited twice
}
