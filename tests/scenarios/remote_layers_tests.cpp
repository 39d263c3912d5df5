// A model that lies in a remote store and is run from there, layer by layer.

#include <larder/cache.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/units.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/remote_file.hpp>
#include <larder/layer/safetensors.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/remote/url.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/testing/blob_server.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/azurite.hpp"
#include "support/patient_timeouts.hpp"
#include "support/refusal.hpp"
#include "support/s3_server.hpp"
#include "unit/layer/written_model.hpp"

using namespace larder::literals;
using namespace larder_tests;
using larder::bytes;
using larder::testing::blob_server;

namespace {

constexpr std::string_view model_name = "Meta Llama/Model-00001.safetensors";  // as others name their files
constexpr std::size_t layers_of_model = 6;
constexpr std::size_t layer_size = 2'000'000;

bytes model() { return bytes::copy_of(model_bytes(equal_layers(layers_of_model, layer_size))); }

/// Every byte of a layer is what the file has there.
template <class Layer>
bool is_right(const Layer& layer, std::size_t index) {
  const auto weight = layer.tensor("weight").template as_span<char>();
  for (std::size_t i = 0; i < layer_size; ++i)
    if (weight[i] != data_byte(index * layer_size + i)) return false;
  return weight.size() == layer_size;
}

/// Two passes with room for half of the model.
template <class Storage>
void run_from(const Storage& storage) {
  larder::layer_cache layers{larder::safetensors{larder::remote_file{storage, std::string(model_name)}},
                             larder::max_bytes{layers_of_model * layer_size / 2}};
  for (int pass = 0; pass < 2; ++pass) {
    std::size_t index = 0;
    for (const auto& layer : layers.pass()) CHECK(is_right(layer, index++));
    CHECK(index == layers_of_model);
  }
  CHECK(layers.stats().load_failures == 0);
}

/// Puts an object by a name that no cache makes, as other programs do.
template <class Protocol>
void put_as_others_do(const larder::http_blob<Protocol>& storage, const std::string& url,
                      std::vector<larder::remote::http_header> headers) {
  typename larder::http_blob<Protocol>::store::transport transport({}, storage.resilience, storage.protocol.credentials(),
                                                                   storage.protocol.transport());
  const bytes content = model();
  larder::remote::http_request request;
  request.method = "PUT";
  request.target = larder::remote::parse_url(url + "/" + larder::remote::percent_encoded_path(model_name));
  request.headers = std::move(headers);
  request.body = {&content, 1};
  request.has_body = true;
  const int status = transport.send(request).status;
  REQUIRE((status == 200 || status == 201));
}

}  // namespace

TEST_CASE("a model on a WebDAV server is run from there, its first layer while the last one is still there") {
  blob_server server;
  server.store("/models/" + std::string(model_name), model());
  const larder::http_blob<larder::webdav> storage{larder::webdav{.url = server.url() + "/models", .timeouts = support::patient}};
  {
    larder::layer_cache layers{larder::safetensors{larder::remote_file{storage, std::string(model_name)}},
                               larder::max_bytes{100_MiB}};
    CHECK(server.counts().body_bytes_out < layer_size);
    CHECK(is_right(layers.get(0), 0));
    CHECK(server.counts().body_bytes_out < 2 * layer_size);
  }
  run_from(storage);
  server.inject({.kind = larder::testing::fault_kind::truncate, .times = 3, .method = "GET", .after = 1'000'000});
  run_from(storage);
}

TEST_CASE("a model that is replaced while it is run is an error, never half of the one and half of the other") {
  blob_server server;
  server.store("/" + std::string(model_name), model());
  const larder::http_blob<larder::webdav> storage{larder::webdav{.url = server.url(), .timeouts = support::patient}};
  larder::layer_cache layers{larder::safetensors{larder::remote_file{storage, std::string(model_name)}},
                             larder::max_bytes{100_MiB}};
  CHECK(is_right(layers.get(0), 0));
  server.store("/" + std::string(model_name), model());
  const support::refusal replaced = support::refusal_of([&] { layers.get(1); });
  CHECK(replaced.cause == larder::error_cause::io);
  CHECK(says(replaced, "is not the version any more that was opened"));
  CHECK(is_right(layers.get(0), 0));  // it is here
}

TEST_CASE("a model in a container of Azure is run from there") {
  const azurite* server = azurite::shared(azurite::kind::plain);
  if (server == nullptr) return;
  const larder::http_blob<larder::azure> storage{larder::azure::emulator("models-run-from-there", server->endpoint())};
  larder::cache<std::string, bytes, larder::unbounded, larder::http_blob<larder::azure>> beside(larder::unbounded{}, storage);
  REQUIRE(beside.put("a cache's entry", bytes::copy_of("which makes the container")));
  put_as_others_do(storage, server->endpoint() + "/models-run-from-there",
                   {{"x-ms-version", "2023-11-03"}, {"x-ms-blob-type", "BlockBlob"}});
  run_from(storage);
}

TEST_CASE("a model in a bucket of S3 is run from there") {
  const auto server = larder::tests::s3_server::start();
  if (!server) return;
  const larder::http_blob<larder::s3> storage{larder::s3{.bucket = "models",
                                                         .region = "us-east-1",
                                                         .endpoint = server->url(),
                                                         .access_key_id = "AKIDTEST",
                                                         .secret_access_key = "s3cr3t+/planted",
                                                         .timeouts = support::patient}};
  put_as_others_do(storage, server->url() + "/models", {});
  run_from(storage);
}
