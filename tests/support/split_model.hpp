#pragma once

// The manifest of a source's layers, made without the command: whole layers in memory, cut where the command cuts.

#include <larder/core/digest.hpp>
#include <larder/format/model_manifest.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace support {

struct split_model {
  larder::format::model_manifest manifest;
  std::map<std::string, std::string> chunks;  // by the digits of their digests; none when nothing was cut

  std::string text() const { return larder::format::model_manifest_text(manifest); }
};

/// `chunk_size` 0: tensors have digests and no chunks.
template <class Source>
split_model split_of(const Source& source, const std::string& name, std::size_t chunk_size = 0) {
  split_model out;
  out.manifest.model = name;
  out.manifest.is_split = chunk_size != 0;
  std::size_t index = 0;
  for (const larder::layer_info& info : source.layers()) {
    std::string memory(static_cast<std::size_t>(info.size), '\0');
    source.read(index++, 0, std::as_writable_bytes(std::span(memory)));
    larder::format::manifest_layer layer{info.name, info.size, {}};
    for (const larder::tensor_info& tensor : info.tensors) {
      const std::string its = memory.substr(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(tensor.size));
      larder::format::manifest_tensor into{tensor, larder::digest_of(its), {}};
      for (std::size_t at = 0; chunk_size != 0 && at < its.size(); at += chunk_size) {
        const std::string chunk = its.substr(at, chunk_size);
        into.chunks.push_back({larder::digest_of(chunk), chunk.size()});
        out.chunks[larder::digest_of(chunk).hex()] = chunk;
      }
      layer.tensors.push_back(std::move(into));
    }
    out.manifest.layers.push_back(std::move(layer));
  }
  return out;
}

}  // namespace support
