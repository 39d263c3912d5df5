#include <larder/artifact/pass_difference.hpp>

#include <larder/artifact/pass_explanation.hpp>

#include <string>

#include <doctest/doctest.h>

using larder::artifacts::differences_of_keys;
using larder::artifacts::distance_of;
using larder::artifacts::shown_value;

TEST_CASE("keys differ by fields, however deep") {
  const auto found = differences_of_keys(R"({"a": 1, "b": {"c": [1, 2], "d": "x"}, "e": null})",
                                         R"({"a": 1, "b": {"c": [2, 1], "d": "x", "f": 7}})");
  REQUIRE(found);
  REQUIRE(found->size() == 3);
  CHECK((*found)[0].field == "b.c");
  CHECK((*found)[0].ours == "[1,2]");
  CHECK((*found)[0].theirs == "[2,1]");
  CHECK((*found)[1].field == "b.f");
  CHECK_FALSE((*found)[1].ours);
  CHECK((*found)[2].field == "e");
  CHECK((*found)[2].ours == "null");
  CHECK_FALSE((*found)[2].theirs);
  CHECK(differences_of_keys(R"({"a": 1})", R"({"a": 1})")->empty());
  CHECK_FALSE(differences_of_keys("{", "{}"));
}
TEST_CASE("another pass is further away than any configuration") {
  CHECK(distance_of(*differences_of_keys(R"({"pass_name": "a", "pass_config": {"x": 1, "y": 2}})",
                                         R"({"pass_name": "a", "pass_config": {}})")) == 2);
  CHECK(distance_of(*differences_of_keys(R"({"pass_name": "a"})", R"({"pass_name": "b"})")) >= 1000);
}
TEST_CASE("long values are cut between characters") {
  CHECK(shown_value(std::nullopt) == "absent");
  CHECK(shown_value("17") == "17");
  std::string letters;
  for (int i = 0; i < 60; ++i) letters += "\u00e9";
  CHECK(shown_value("x" + letters) == "x" + letters.substr(0, 78) + "...");
}
