#include <larder/core/units.hpp>
#include <larder/presets.hpp>
#include <larder/testing/blob_server.hpp>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

#include <string>

using namespace larder::literals;

TEST_CASE("presets::model_weights: what one machine computed, another finds, and keeps on its disk") {
  larder::testing::blob_server server;
  const support::temporary_folder one;
  const support::temporary_folder two;
  int loads = 0;
  const auto compute = [&](const std::string& key) {
    ++loads;
    return larder::bytes::copy_of("weights of " + key);
  };
  {
    auto weights = larder::presets::model_weights(one.path(), 1_MiB, server.url() + "/models");
    CHECK(weights.get_or_load("layer.0", compute).text() == "weights of layer.0");
    CHECK(weights.flush());
  }
  {
    auto weights = larder::presets::model_weights(two.path(), 1_MiB, server.url() + "/models");
    CHECK(weights.get_or_load("layer.0", compute).text() == "weights of layer.0");
    CHECK(weights.stats()[2].hits == 1);
  }
  CHECK(loads == 1);
  const std::uint64_t gets = server.counts()["GET"];
  auto weights = larder::presets::model_weights(two.path(), 1_MiB, server.url() + "/models");
  CHECK(weights.get("layer.0")->text() == "weights of layer.0");
  CHECK(weights.stats()[1].hits == 1);
  CHECK(server.counts()["GET"] == gets);
}

TEST_CASE("presets::model_weights: wrong settings are errors that say which") {
  const support::temporary_folder folder;
  CHECK_THROWS_WITH_AS(static_cast<void>(larder::presets::model_weights(folder.path(), 1_MiB, "not a url")), doctest::Contains("not a url"),
                       larder::error);
}

TEST_CASE("presets::model_weights: a server that is down costs misses, never an exception") {
  const support::temporary_folder folder;
  std::string url;
  {
    const larder::testing::blob_server server;
    url = server.url();
  }
  auto weights = larder::presets::model_weights(folder.path(), 1_MiB, url);
  CHECK(weights.get_or_load("k", [](const std::string&) { return larder::bytes::copy_of("v"); }).text() == "v");
  CHECK(weights.get("k")->text() == "v");
  CHECK(weights.flush());
  CHECK(weights.stats()[2].errors[larder::error_cause::network] != 0);
}
