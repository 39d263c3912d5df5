#include "demo/published_model.hpp"

#include <larder/core/error.hpp>
#include <larder/format/model_manifest.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/safetensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <vector>

namespace demo {
namespace {

constexpr std::uint64_t chunk_size = std::uint64_t{16} << 20U;

/// Written aside and renamed, so a file that is there is whole.
void write(const std::filesystem::path& path, std::span<const std::byte> content) {
  const std::filesystem::path aside = path.string() + ".part";
  std::ofstream file(aside, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file)
    throw larder::error(larder::error_cause::io, "the demo could not write \"" + aside.string() + "\"; is there room for " +
                                                     std::to_string(content.size()) + " bytes?");
  std::filesystem::rename(aside, path);
}
void write(const std::filesystem::path& path, const larder::format::model_manifest& manifest) {
  const std::string text = larder::format::model_manifest_text(manifest);
  write(path, std::as_bytes(std::span(text)));
}

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
  write(larder::layers::digests_path(model.path), manifest_of(model, model.path.stem().string()));
}

std::uint64_t split_into(const std::filesystem::path& folder, const std::string& name, const reference& model) {
  std::filesystem::create_directories(folder / "manifests");
  larder::format::model_manifest manifest = manifest_of(model, name);
  manifest.is_split = true;
  const larder::safetensors source(model.path);
  std::uint64_t written = 0;
  std::vector<std::byte> buffer;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i)
    for (larder::format::manifest_tensor& tensor : manifest.layers[i].tensors)
      for (std::uint64_t at = 0; at < tensor.info.size; at += chunk_size) {
        buffer.resize(static_cast<std::size_t>(std::min(chunk_size, tensor.info.size - at)));
        source.read(i, tensor.info.offset + at, buffer);
        tensor.chunks.push_back({larder::digest_of(buffer), buffer.size()});
        const std::filesystem::path chunk = folder / tensor.chunks.back().id.hex();
        if (std::filesystem::exists(chunk)) continue;
        write(chunk, buffer);
        written += buffer.size();
      }
  write(folder / "manifests" / (name + ".json"), manifest);
  return written;
}

}  // namespace demo
