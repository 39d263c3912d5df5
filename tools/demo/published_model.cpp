#include "demo/published_model.hpp"

#include "layers/chunk_folder.hpp"
#include "layers/published_file.hpp"

#include <larder/format/model_manifest.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/safetensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace demo {
namespace {

constexpr std::uint64_t chunk_size = std::uint64_t{16} << 20U;

larder::format::model_manifest manifest_of(const reference& model, const std::string& name) {
  larder::format::model_manifest manifest;
  manifest.model = name;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    larder::format::manifest_layer& layer = manifest.layers.emplace_back();
    layer.name = model.layers[i].name;
    layer.size = model.layers[i].size;
    for (std::size_t t = 0; t < model.layers[i].tensors.size(); ++t)
      layer.tensors.push_back({model.layers[i].tensors[t], model.digests[i][t], {}});
  }
  return manifest;
}

}  // namespace

void write_digests(const reference& model) {
  layers::publish_manifest(larder::layers::digests_path(model.path),
                           larder::format::model_manifest_text(manifest_of(model, model.path.stem().string())));
}

std::uint64_t split_into(const std::filesystem::path& path, const std::string& name, const reference& model) {
  layers::chunk_folder folder(path.string());
  larder::format::model_manifest manifest = manifest_of(model, name);
  manifest.is_split = true;
  const larder::safetensors source(model.path);
  std::vector<std::byte> buffer;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i)
    for (larder::format::manifest_tensor& tensor : manifest.layers[i].tensors)
      for (std::uint64_t at = 0; at < tensor.info.size; at += chunk_size) {
        buffer.resize(static_cast<std::size_t>(std::min(chunk_size, tensor.info.size - at)));
        source.read(i, tensor.info.offset + at, buffer);
        const larder::digest id = larder::digest_of(buffer);
        folder.store(id, buffer);
        tensor.chunks.push_back({id, buffer.size()});
      }
  folder.publish(name, larder::format::model_manifest_text(manifest));
  return folder.written().bytes;
}

}  // namespace demo
