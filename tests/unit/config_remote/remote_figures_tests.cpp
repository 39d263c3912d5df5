// What is shown of a cache from settings whose last tier is a store that machines share.
#include <larder/config/cache_manager.hpp>
#include <larder/config/http_tier.hpp>
#include <larder/config/managed_figures.hpp>
#include <larder/config/toml.hpp>
#include <larder/observe/metrics.hpp>
#include <larder/testing/blob_server.hpp>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/managers.hpp"

#include <cstddef>
#include <string>
#include <string_view>

using larder::bytes;
using larder::managed_cache;
using larder::managed_figures;
using larder::settings;
using larder::testing::blob_server;
using larder::testing::fault_kind;
using support::make_manager;

namespace {

bytes block(std::size_t size) { return bytes::copy_of(std::string(size, 'x')); }
settings before(const std::string& url, const std::string& mode) {
  return settings::from_toml(
      "[cache]\nsize = 5\nlatency = true\n[cache.remote]\ntype = \"webdav\"\nlookup_budget = \"20s\"\nurl = \"" + url +
          "\"\nmode = \"" + mode + "\"\n",
      "larder.toml");
}

}  // namespace

TEST_CASE("a remote tier has a row of its own, which says nothing of what other machines have put there") {
  blob_server server;
  const auto manager = make_manager(before(server.url(), "write_through"));
  managed_cache& c = manager->at("cache");
  c.put("a", block(1000));
  c.memory_part()->clear({});
  c.get("a");
  c.get("a");
  c.get("b");
  const managed_figures seen = c.figures();
  REQUIRE(seen.tiers.size() == 2);
  CHECK(seen.tiers[0].kind == "memory");
  CHECK(seen.tiers[0].stats.hits == 1);
  CHECK(seen.tiers[0].extent.capacity_bytes == 5'000'000U);
  const larder::managed_tier_figures& remote = seen.tiers[1];
  CHECK(remote.kind == "remote");
  CHECK(remote.stats.hits == 1);
  CHECK(remote.stats.misses == 1);
  CHECK_FALSE(remote.extent.entries);
  CHECK_FALSE(remote.extent.weight);
  CHECK_FALSE(remote.extent.capacity_bytes);
  CHECK(seen.hits == 2);
  CHECK(seen.promotions == 1);
  CHECK(seen.latency->every == 1);
  CHECK(seen.latency->get.count() == 3);

  larder::metrics all;
  all.add(*manager);
  const std::string text = all.prometheus();
  for (const std::string_view line : {"larder_tier_kind{cache=\"cache\",tier=\"1\",kind=\"remote\"} 1\n",
                                      "larder_remote_state{cache=\"cache\",tier=\"1\",state=\"healthy\"} 1\n",
                                      "larder_cache_hits_total{cache=\"cache\",tier=\"1\"} 1\n"})
    CHECK_MESSAGE(text.find(line) != std::string::npos, line);
  CHECK(text.find("larder_cache_entries{cache=\"cache\",tier=\"1\"}") == std::string::npos);
}

TEST_CASE("what a cache still owes its store is shown of the whole") {
  blob_server server;
  const auto manager = make_manager(before(server.url(), "write_back"));
  managed_cache& c = manager->at("cache");
  server.inject({.kind = fault_kind::stall, .times = 1, .method = "PUT"});
  c.put("a", block(1000));
  CHECK(c.figures().owed_bytes == 1000);
  CHECK(support::eventually([&] {
    server.release();
    return c.figures().owed_bytes == 0;
  }));
}
