// What a weight server must do, as its clients observe it (scenarios L1, L2, L3, L14 and L15), and a model that is run from it.

#include <larder/core/digest.hpp>
#include <larder/core/units.hpp>
#include <larder/larder.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/remote_file.hpp>
#include <larder/layer/safetensors.hpp>
#include <larder/serve/weight_server.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/storage/redis.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

#include "support/eventually.hpp"
#include "support/redis_missing.hpp"
#include "unit/layer/written_model.hpp"
#include "unit/serve/server_fixture.hpp"

using namespace larder::literals;
using serving::answer;
using serving::served_folder;

TEST_CASE("L1: of 400 KB items in a cache of 1 MB the one that was used longest ago leaves") {
  const served_folder served({.cache_size = 1_MB, .workers = 2});
  for (const char* item : {"0", "1", "2"})
    served.chunks.write(item, serving::content_of(400'000, static_cast<std::uint64_t>(*item)));
  for (const char* item : {"0", "1", "0", "2"}) CHECK(served.get(std::string("/v1/c/") + item).body.size() == 400'000);
  CHECK(served.server.stats().entries == 2);
  CHECK(served.get("/v1/c/0").field("X-Cache") == "hit");
  CHECK(served.get("/v1/c/2").field("X-Cache") == "hit");
  CHECK(served.get("/v1/c/1").field("X-Cache") == "miss");
}

TEST_CASE("L2: an item that is larger than the cache is served, not cached, and evicts nothing") {
  const served_folder served({.cache_size = 1_MB});
  served.chunks.write("fits", serving::content_of(900'000));
  const std::string large = serving::content_of(1'000'001);
  served.chunks.write("large", large);
  served.get("/v1/c/fits");
  for (int i = 0; i < 2; ++i) {
    const answer got = served.get("/v1/c/large");
    CHECK(got.body == large);
    CHECK(got.field("X-Cache") == "miss");
  }
  CHECK(served.get("/v1/c/fits").field("X-Cache") == "hit");
  CHECK(served.server.stats().evictions == 0);
  CHECK(served.server.stats().stored_bytes == 900'000);
}

TEST_CASE("L3: sixteen clients miss one chunk: one load, the same bytes for all, an exact account") {
  const served_folder served({.cache_size = 100_MB, .workers = 2});
  const std::string content = serving::content_of(7'654'321);
  const std::string name = served.chunks.add(content);
  CHECK(served.right_at_once(16, "/v1/c/" + name, content) == 16);
  const larder::weight_server_stats stats = served.server.stats();
  CHECK(stats.loads == 1);
  CHECK(stats.store_reads == 1);
  CHECK(stats.stored_bytes == content.size());
  CHECK(stats.entries == 1);
}

TEST_CASE(
    "L14: the first server reads the store and fills Redis, the second reads Redis, and without Redis both read the store") {
  if (support::redis_missing()) return;
  using shared = larder::cache<std::string, larder::bytes, larder::unbounded, larder::redis>;
  support::redis_server::tcp redis;
  const std::string content = serving::content_of(6'000'000);  // in several chunks of Redis
  const auto tier = [&] {
    return std::make_unique<shared>(larder::unbounded{}, larder::redis{.host = "127.0.0.1", .port = redis.port()});
  };
  const served_folder first({.cache_size = 100_MB, .tier = tier()});
  const served_folder second({.cache_size = 100_MB, .tier = tier()});
  const std::string name = first.chunks.add(content);
  second.chunks.add(content);
  for (int i = 0; i < 2; ++i) CHECK(first.get("/v1/c/" + name).body == content);
  CHECK(first.server.stats().store_reads == 1);
  CHECK(first.server.stats().tier_hits == 0);
  const auto probe = tier();
  REQUIRE(support::eventually([&] { return probe->contains(name); }));
  CHECK(second.get("/v1/c/" + name).body == content);
  CHECK(second.server.stats().store_reads == 0);
  CHECK(second.server.stats().tier_hits == 1);

  redis.kill();
  for (const served_folder* server : {&first, &second}) {
    const std::string other = serving::content_of(100'000, 7);
    CHECK(server->get("/v1/c/" + server->chunks.add(other)).body == other);
    CHECK(server->server.stats().tier_hits == (server == &second ? 1 : 0));
    CHECK(server->server.stats().store_reads == (server == &second ? 1 : 2));
  }
}

TEST_CASE("L15: a name that leads out of the folder is refused") {
  const served_folder served;
  for (const char* path : {"/v1/c/../x", "/v1/c/%2e%2e%2fx", "/v1/m/../x/manifest", "/v1/c/..", "/../x"}) {
    const answer got = served.get(path);
    CHECK(got.status == 400);
    CHECK(got.body == "400 Bad Request\n");
  }
}

TEST_CASE("a model that lies behind a weight server is run from there") {
  constexpr std::size_t layers_of_model = 5;
  constexpr std::size_t layer_size = 1'500'000;
  const served_folder served({.cache_size = 100_MB, .token = "t0ken"});
  served.chunks.write("model.safetensors", larder_tests::model_bytes(larder_tests::equal_layers(layers_of_model, layer_size)));
  const larder::http_blob storage{larder::webdav{.url = served.server.url() + "/v1/c", .bearer_token = "t0ken"}};
  larder::layer_cache layers{larder::safetensors{larder::remote_file{storage, "model.safetensors"}},
                             larder::max_bytes{3 * layer_size}};
  for (int pass = 0; pass < 2; ++pass) {
    std::size_t index = 0;
    for (const auto& layer : layers.pass()) {
      const auto weight = layer.tensor("weight").as_span<char>();
      REQUIRE(weight.size() == layer_size);
      bool right = true;
      for (std::size_t i = 0; i < layer_size; ++i) right = right && weight[i] == larder_tests::data_byte(index * layer_size + i);
      CHECK(right);
      ++index;
    }
    CHECK(index == layers_of_model);
  }
  CHECK(served.server.stats().store_reads == 1);  // the server read the file once, whatever ranges were asked for
}
