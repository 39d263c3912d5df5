// links: larder::http larder::layer larder::serve
// A server that gives weights to many clients, and two models that differ in one tensor: what they have alike is on its disk once, is
// fetched once and lies in this process's memory once. `larder layers split MODEL DIR` makes such a folder of chunks and
// `larder serve --chunks-dir DIR` serves it; here both happen in this program.
#include <larder/format/model_manifest.hpp>
#include <larder/larder.hpp>
#include <larder/layer/chunked_model.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/serve/weight_server.hpp>
#include <larder/storage/http_chunks.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace larder::literals;

namespace {

constexpr std::size_t layers_of_a_model = 8;
constexpr std::size_t floats = 128 * 1024;  // of a tensor

void write(const std::filesystem::path& path, std::span<const std::byte> content) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
}

/// A model as `larder layers split` leaves it: a file for each tensor, called by the digest of what is in it, and a manifest. The
/// weights of layer i are all i, but for one tensor that was tuned.
void publish(const std::filesystem::path& folder, const std::string& name, std::size_t tuned) {
  std::filesystem::create_directories(folder / "manifests");
  larder::format::model_manifest manifest;
  manifest.model = name;
  manifest.is_split = true;
  for (std::size_t i = 0; i < layers_of_a_model; ++i) {
    larder::format::manifest_layer layer{"layers." + std::to_string(i), 0, {}};
    for (const bool is_mlp : {false, true}) {
      const std::vector<float> weights(floats, static_cast<float>(is_mlp && i == tuned ? 100 : i) + (is_mlp ? 0.0F : 0.5F));
      const auto content = std::as_bytes(std::span(weights));
      const larder::digest digest = larder::digest_of(content);
      write(folder / digest.hex(), content);

      larder::tensor_info tensor;
      tensor.name = layer.name + (is_mlp ? ".mlp.weight" : ".attn.weight");
      tensor.dtype = larder::dtype::f32;
      tensor.shape = {128, 1024};
      tensor.offset = layer.size;
      tensor.size = content.size();
      layer.size += content.size();
      layer.tensors.push_back({tensor, digest, {{digest, content.size()}}});
    }
    manifest.layers.push_back(std::move(layer));
  }
  const std::string text = larder::format::model_manifest_text(manifest);
  write(folder / "manifests" / (name + ".json"), std::as_bytes(std::span(text)));
}

template <class Layers>
double sum_of(Layers& layers) {
  double sum = 0;
  for (auto layer : layers.pass()) {
    const auto weights = layer.tensor("mlp.weight").template as_span<float>();
    sum += std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(floats);
  }
  return sum;
}

}  // namespace

int main() {
  publish("chunks", "base", layers_of_a_model);
  publish("chunks", "tuned", 5);

  larder::weight_server server{{.chunks_dir = "chunks", .cache_size = 200_MB, .port = 0}};
  server.start();

  // In another process, on another machine with a token: all that a client knows is where the server is.
  const larder::http_chunks there{server.url()};
  const larder::shared_layers shared;
  larder::layer_cache base{larder::chunked_model{there, "base"}, larder::max_bytes{8_MiB}, shared};
  larder::layer_cache tuned{larder::chunked_model{there, "tuned"}, larder::max_bytes{8_MiB}, shared};
  std::cout << "base " << sum_of(base) << ", tuned " << sum_of(tuned) << "\n";
  std::cout << base.stats().loads << " layers of the one came over the network, " << tuned.stats().loads << " of the other; "
            << tuned.stats().shared_layers << " were in memory, and of that one all but "
            << larder::format_size(tuned.stats().bytes_read) << "\n";

  const larder::weight_server_stats stats = server.stats();
  std::cout << "the server read " << stats.loads << " files, of which 2 are manifests, and holds "
            << larder::format_size(stats.stored_bytes) << "\n";
  return base.stats().loads == 8 && tuned.stats().loads == 1 && tuned.stats().shared_layers == 7 &&
                 tuned.stats().bytes_read == 512_KiB && stats.loads == 19
             ? 0
             : 1;
}
