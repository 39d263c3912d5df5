// links: larder::http larder::layer larder::testing
// A model that lies on a server and is run from there: the first layer computes while the last one is still on the server, and no
// copy of the model is made. Here the server is a WebDAV one in this process; larder::azure and larder::s3 take its place.
#include <larder/larder.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/remote_file.hpp>
#include <larder/storage/http_blob.hpp>
#include <larder/testing/blob_server.hpp>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <numeric>
#include <string>
#include <utility>

using namespace larder::literals;

namespace {

constexpr std::size_t floats = 256 * 1024;  // of a layer

/// A safetensors file of eight layers.
larder::bytes model() {
  std::string header;
  for (std::size_t i = 0; i < 8; ++i)
    header += (i == 0 ? "{\"layers." : ",\"layers.") + std::to_string(i) +
              ".mlp.weight\":{\"dtype\":\"F32\",\"shape\":[256,1024],\"data_offsets\":[" + std::to_string(i * floats * 4) + "," +
              std::to_string((i + 1) * floats * 4) + "]}";
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t size = header.size();
  std::string file(reinterpret_cast<const char*>(&size), 8);
  file += header;
  for (std::size_t i = 0; i < 8; ++i) {
    const auto weight = static_cast<float>(i);
    for (std::size_t k = 0; k < floats; ++k) file.append(reinterpret_cast<const char*>(&weight), 4);
  }
  return larder::bytes::copy_of(file);
}

}  // namespace

int main() {
  larder::testing::blob_server server;
  server.store("/models/Llama/Model.safetensors", model());

  const larder::http_blob storage{larder::webdav{.url = server.url() + "/models"}};
  larder::safetensors there{larder::remote_file{storage, "Llama/Model.safetensors"}};
  std::cout << there.layers().size() << " layers known, " << server.counts().body_bytes_out << " bytes read\n";  // the header

  larder::layer_cache layers{std::move(there), larder::max_bytes{4_MiB}};

  double sum = 0;
  for (int pass = 0; pass < 2; ++pass)
    for (auto layer : layers.pass()) {
      const auto weights = layer.tensor("mlp.weight").as_span<float>();
      sum += std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(floats);
    }
  std::cout << "sum " << sum << ", " << layers.stats().loads << " loads for 16 uses\n";
  return sum == 2 * 28 && layers.stats().loads < 16 ? 0 : 1;
}
