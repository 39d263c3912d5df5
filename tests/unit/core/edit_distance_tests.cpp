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
