#include <larder/core/error.hpp>
#include <larder/core/part_reading_store.hpp>
#include <larder/core/units.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/remote_file.hpp>
#include <larder/layer/safetensors.hpp>

#include "written_model.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/split_model.hpp"
#include "support/versioned_bucket.hpp"

using namespace larder::literals;
using namespace larder_tests;
using larder::error_cause;
using bucket = support::versioned_bucket;

namespace {

static_assert(larder::part_reading_store<bucket::store>);
static_assert(larder::layers::model_file_like<larder::remote_file<bucket>>);

constexpr std::size_t layer_size = 3'000'000;

}  // namespace

TEST_CASE("a model is opened by its header, and of a layer what is asked for is read") {
  const bucket store;
  store.put("models/Llama 3/model.safetensors", model_bytes(equal_layers(3, layer_size), R"({"by":"us"})"));
  larder::safetensors source{larder::remote_file{store, "models/Llama 3/model.safetensors"}};
  CHECK(source.path() == "models/Llama 3/model.safetensors");
  CHECK(source.metadata().at("by") == "us");
  CHECK(store.bytes_read("models/Llama 3/model.safetensors") < 2000);

  larder::layer_cache layers{std::move(source), larder::max_bytes{100_MiB}};
  const auto layer = layers.get(1);
  const std::span<const std::byte> weight = layer.tensor("weight").as_span<std::byte>();
  REQUIRE(weight.size() == layer_size);
  for (std::size_t i = 0; i < layer_size; i += 997) REQUIRE(static_cast<char>(weight[i]) == data_byte(layer_size + i));
  CHECK(store.bytes_read("models/Llama 3/model.safetensors") < layer_size + 2000);
  CHECK(store.to->reads.back().second == layer_size);  // in one piece, however large a file's pieces are
}

TEST_CASE("the files of a model in several are found beside its index") {
  const bucket store;
  store.put("big/a.safetensors", model_bytes({{"model.layers.0.weight", "U8", "[10]", 10}}));
  store.put("big/b.safetensors", model_bytes({{"model.layers.1.weight", "U8", "[20]", 20}}));
  store.put("big/model.safetensors.index.json",
            R"({"weight_map":{"model.layers.0.weight":"a.safetensors","model.layers.1.weight":"b.safetensors"}})");
  store.put("top.safetensors", model_bytes({{"weight", "U8", "[1]", 1}}));
  const larder::safetensors split{larder::remote_file{store, "big/model.safetensors.index.json"}};
  REQUIRE(split.layers().size() == 2);
  CHECK(split.layers()[1].size == 20);
  CHECK(larder::safetensors{larder::remote_file{store, "top.safetensors"}}.layers().size() == 1);
  CHECK(larder::remote_file(store, "top.safetensors").beside("big/a.safetensors").size() > 10);
}

TEST_CASE("groupings are taken with a remote file too") {
  const bucket store;
  store.put("m", model_bytes(equal_layers(4, 16)));
  const auto all = larder::group_by{[](std::string_view) { return std::string("all"); }};
  CHECK(larder::safetensors{larder::remote_file{store, "m"}, all}.layers().size() == 1);
  const std::vector<larder::layer_group> one{{"mine", {"model.layers.2.weight"}}};
  const larder::safetensors listed{larder::remote_file{store, "m"}, one};
  REQUIRE(listed.layers().size() == 1);
  CHECK(listed.layers()[0].name == "mine");
}

TEST_CASE("a manifest beside a remote model is found by one request, and its absence is no failure") {
  const bucket store;
  store.put("models/m", model_bytes(equal_layers(2, 1000)));
  larder::layer_cache without{larder::safetensors{larder::remote_file{store, "models/m"}}};
  CHECK(store.to->finds == 2);
  without.get(0);
  CHECK(store.to->finds == 2);
  CHECK(without.stats().bytes_verified == 0);

  store.to->may_list = false;
  CHECK(larder::safetensors{larder::remote_file{store, "models/m"}}.digests().empty());
  store.to->may_list = true;

  store.put("models/m.digests.json", support::split_of(without.source(), "m").text());
  larder::layer_cache with{larder::safetensors{larder::remote_file{store, "models/m"}}};
  with.get(0);
  CHECK(with.stats().bytes_verified == 1000);
  store.to->objects["models/m"].first.back() ^= 1;  // and the store does not notice
  const support::refusal refused = support::refusal_of([&] { with.get(1); });
  CHECK(refused.cause == error_cause::corruption);
  CHECK(says(refused, "models/m, offset "));
  store.put("models/m.digests.json", "{}");
  CHECK(support::cause_of([&] { larder::layer_cache{larder::safetensors{larder::remote_file{store, "models/m"}}}; }) == error_cause::corruption);
}

TEST_CASE("what is not there, fails or is replaced is an error that names it, never bytes of something else") {
  const bucket store;
  const support::refusal absent = support::refusal_of([&] { larder::remote_file(store, "models/none"); });
  CHECK(absent.cause == error_cause::io);
  CHECK(says(absent, "no object models/none"));

  store.put("m", model_bytes(equal_layers(2, 1000)));
  const larder::safetensors source{larder::remote_file{store, "m"}};
  std::vector<std::byte> room(1000);
  source.read(0, 0, room);
  store.put("m", model_bytes(equal_layers(2, 1000)));
  CHECK(support::cause_of([&] { source.read(1, 0, room); }) == error_cause::io);
  store.to->broken = true;
  CHECK(support::cause_of([&] { source.read(1, 0, room); }) == error_cause::network);
  CHECK(support::cause_of([&] { larder::remote_file(store, "m"); }) == error_cause::network);
}
