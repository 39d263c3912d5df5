#include <larder/dataset/preprocess.hpp>

#include <string>

#include <doctest/doctest.h>

TEST_CASE("preprocessing has a version") {
  const larder::preprocess named{"length-v1", [](const std::string& text) { return text.size(); }};
  CHECK(named.version == "length-v1");
  CHECK(named.f("four") == 4);
  CHECK_THROWS_WITH_AS((larder::preprocess{"", [](int x) { return x; }}), doctest::Contains("the version is empty"), larder::error);
}

TEST_CASE("what may augment a sample") {
  using larder::datasets::augmentation;
  const auto with_random = [](int x, larder::sample_random& random) { return x + static_cast<int>(random() % 2); };
  const auto without = [](int x) { return x; };
  const auto other = [](const std::string&) { return 1; };
  static_assert(augmentation<decltype(with_random), int>);
  static_assert(augmentation<decltype(without), int>);
  static_assert(!augmentation<decltype(other), int>);
  static_assert(larder::datasets::is_not_cached<decltype(larder::not_cached{without})>);
  static_assert(larder::datasets::is_preprocess<decltype(larder::preprocess{"v", without})>);
  static_assert(!larder::datasets::is_preprocess<int>);
}
