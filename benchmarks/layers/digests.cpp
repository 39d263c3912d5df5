#include "digests.hpp"

#include "../mapped_file.hpp"

#include <larder/core/digest.hpp>
#include <larder/format/model_manifest.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/safetensors.hpp>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace bench {

model with_digests(const model& m) {
  model other = m;
  other.path = m.path.parent_path() / "with_digests" / m.path.filename();
  std::filesystem::create_directories(other.path.parent_path());
  std::filesystem::create_hard_link(m.path, other.path);

  const larder::safetensors source(other.path);
  const mapped_file file(other.path);
  larder::format::model_manifest manifest;
  manifest.model = other.path.filename().string();
  for (std::size_t i = 0; i < m.layers.size(); ++i) {
    const larder::layer_info& layer = source.layers()[i];
    manifest.layers.push_back({layer.name, layer.size, {}});
    for (const larder::tensor_info& tensor : layer.tensors) {
      const auto offset = static_cast<std::size_t>(m.layers[i].offset + tensor.offset);
      const auto bytes = file.bytes().subspan(offset, static_cast<std::size_t>(tensor.size));
      manifest.layers.back().tensors.push_back({tensor, larder::digest_of(bytes), {}});
    }
  }
  std::ofstream out(larder::layers::digests_path(other.path), std::ios::binary);
  out << larder::format::model_manifest_text(manifest);
  if (!out.flush()) throw std::runtime_error("the manifest of the model cannot be written");
  return other;
}

}  // namespace bench
