#include <larder/dataset/pending_loads.hpp>

#include <memory>
#include <optional>
#include <string>

#include <doctest/doctest.h>

using larder::bytes;
using larder::datasets::pending_loads;

TEST_CASE("who loads the same sample gets what was refused, and with the last of them it is gone") {
  pending_loads loads;
  const auto watched = std::make_shared<std::string>("value");
  {
    std::optional<pending_loads::participant> maker(std::in_place, loads, "a");
    const pending_loads::participant joined(loads, "a");
    const pending_loads::participant other(loads, "b");
    CHECK(loads.size() == 2);
    CHECK_FALSE(joined.refused());
    maker->refuse(bytes::adopt(std::shared_ptr<std::string>(watched), watched->data(), watched->size()));
    maker.reset();
    REQUIRE(joined.refused());
    CHECK(joined.refused()->text() == "value");
    CHECK_FALSE(other.refused());
    CHECK(watched.use_count() == 2);
  }
  CHECK(loads.size() == 0);
  CHECK(watched.use_count() == 1);
  const pending_loads::participant again(loads, "a");
  CHECK_FALSE(again.refused());
}

TEST_CASE("an empty sample may be refused, too") {
  pending_loads loads;
  pending_loads::participant maker(loads, "a");
  maker.refuse(bytes());
  CHECK(maker.refused());
}
