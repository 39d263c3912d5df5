#include <larder/dataset/web_index.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/refusal.hpp"

namespace {

using larder::datasets::web_index;
using larder::datasets::web_name;

web_index index_of(const std::vector<std::string>& names) {
  web_index index("a.tar");
  std::uint64_t offset = 512;
  for (const std::string& name : names) {
    index.add({name, offset, 1});
    offset += 1024;
  }
  index.finish();
  return index;
}
support::refusal refused(const std::vector<std::string>& names) {
  support::refusal why = support::refusal_of([&] { index_of(names); });
  CHECK(why.cause == larder::error_cause::corruption);
  return why;
}

}  // namespace

TEST_CASE("a name has its key before the first dot of its last component") {
  const auto parts = [](std::string_view name) {
    const web_name found = web_name::of(name);
    return std::pair(std::string(found.key), std::string(found.extension));
  };
  using pair = std::pair<std::string, std::string>;
  CHECK(parts("a.jpg") == pair("a", "jpg"));
  CHECK(parts("a.seg.png") == pair("a", "seg.png"));
  CHECK(parts("dir.v1/a.JPG") == pair("dir.v1/a", "JPG"));
  CHECK(parts("./x/a.b") == pair("./x/a", "b"));
  CHECK(parts("a.") == pair("a", ""));
  CHECK(parts("__a.jpg") == pair("__a", "jpg"));
  CHECK(parts("x/__meta__/a.jpg") == pair("x/__meta__/a", "jpg"));
  for (const char* none : {"README", "dir.v1/README", ".hidden", "dir/.hidden.jpg", "dir/._a.jpg", "__meta__/a.jpg", "__meta__", "____/a.b", "dir/", ""})
    CHECK(parts(none) == pair());
}

TEST_CASE("a sample is a run of members of one key") {
  const web_index index = index_of({"d/a.jpg", "d/a.CLS", "README", "d/b.jpg", "b.jpg", "__meta__/b.x", "b.seg.png"});
  REQUIRE(index.size() == 3);
  CHECK(index[0].key == "d/a");
  REQUIRE(index.members_of(0).size() == 2);
  CHECK(index.members_of(0)[1].extension == "cls");
  CHECK(index.members_of(0)[1].offset == 1536);
  CHECK(index[2].key == "b");
  CHECK(index.members_of(2)[1].extension == "seg.png");
  CHECK(index_of({}).size() == 0);
}

TEST_CASE("what WebDataset would lose is refused with its place and the way out") {
  const support::refusal twice = refused({"x.jpg", "a.jpg", "a.cls", "a.JPG", "b.jpg"});
  CHECK(says(twice, "a.tar: sample \"a\", byte 3584: it has the extension \"jpg\" twice, also at byte 1536"));
  CHECK(says(refused({"a.jpg", "a.jpg"}), "twice"));
  const support::refusal split = refused({"a.jpg", "b.jpg", "a.cls"});
  CHECK(says(split, "a.tar: sample \"a\", byte 2560: it goes on behind other samples, and began at byte 512"));
  CHECK(says(split, "sort them by name"));
}

TEST_CASE("grouping agrees with a naive model") {
  CHECK(rc::check("grouping", [] {
    const auto names = *rc::gen::container<std::vector<std::string>>(
        rc::gen::elementOf(std::vector<std::string>{"a.x", "a.y", "a.X", "b.x", "b.y", "c.x", "d/a.x", "none", "c.z.x"}));
    std::vector<std::pair<std::string, std::vector<std::string>>> runs;
    for (const std::string& name : names) {
      if (name == "none") continue;
      const std::string key = name.substr(0, name.find('.'));
      std::string extension = name.substr(name.find('.') + 1);
      if (extension == "X") extension = "x";
      if (runs.empty() || runs.back().first != key) runs.push_back({key, {}});
      runs.back().second.push_back(extension);
    }
    bool right = true;
    std::map<std::string, int> seen;
    for (auto [key, extensions] : runs) {
      std::sort(extensions.begin(), extensions.end());
      right = right && ++seen[key] == 1 && std::adjacent_find(extensions.begin(), extensions.end()) == extensions.end();
    }
    try {
      const web_index index = index_of(names);
      RC_ASSERT(right);
      RC_ASSERT(index.size() == runs.size());
      for (std::size_t i = 0; i < runs.size(); ++i) {
        RC_ASSERT(index[i].key == runs[i].first);
        std::vector<std::string> extensions;
        for (const web_index::member& m : index.members_of(i)) extensions.push_back(m.extension);
        RC_ASSERT(extensions == runs[i].second);
      }
    } catch (const larder::error&) {
      RC_ASSERT(!right);
    }
  }));
}

TEST_CASE("a sample of very many members costs no more than sorting them") {
  std::vector<std::string> names;
  for (int i = 0; i < 200'000; ++i) names.push_back("frames." + std::to_string(i));
  CHECK(index_of(names).members_of(0).size() == 200'000);
  names.push_back("frames.7");
  CHECK(says(refused(names), "the extension \"7\" twice"));
}
