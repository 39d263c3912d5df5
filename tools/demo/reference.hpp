#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/layer/layer.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/safetensors.hpp>

#include "demo/print.hpp"
#include "progress.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace demo {

/// A model, read once the plain way: what everything that a cache hands out is compared with.
struct reference {
  std::filesystem::path path;
  std::vector<larder::layer_info> layers;
  std::vector<std::vector<larder::digest>> digests;  // by layer and tensor
  larder::digest identity;                           // of names and digests
  std::uint64_t bytes = 0;
  std::uint64_t largest = 0;  // layer
  std::size_t tensors = 0;

  /// How many tensors of a layer that a cache handed out are others; says which.
  std::size_t differing(std::size_t index, const larder::layer& layer) const {
    std::size_t wrong = 0;
    std::size_t t = 0;
    for (const larder::tensor& tensor : layer)
      if (larder::digest_of(tensor.data().span()) != digests[index][t++]) {
        ++wrong;
        std::fprintf(stderr, "\nWRONG: %s.%s\n", layers[index].name.c_str(), std::string(tensor.name()).c_str());
      }
    return wrong;
  }
};

inline reference read_reference(const std::filesystem::path& path, const char* title) {
  const larder::safetensors source(path);
  const auto layers = source.layers();
  reference model;
  model.path = path;
  model.layers.assign(layers.begin(), layers.end());
  larder::digest_stream whole;
  tools::progress bar(title, layers.size());
  std::vector<std::byte> buffer;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    buffer.resize(static_cast<std::size_t>(layers[i].size));
    source.read(i, 0, buffer);
    auto& its = model.digests.emplace_back();
    for (const larder::tensor_info& tensor : layers[i].tensors) {
      its.push_back(larder::digest_of(
          std::span(buffer).subspan(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(tensor.size))));
      whole.update(layers[i].name.data(), layers[i].name.size());
      whole.update(tensor.name.data(), tensor.name.size());
      whole.update(&its.back(), sizeof(larder::digest));
      ++model.tensors;
    }
    model.bytes += layers[i].size;
    model.largest = std::max(model.largest, layers[i].size);
    bar.at(i + 1);
  }
  bar.finish(text("%s, %zu layers, %zu tensors", larder::format_size(model.bytes).c_str(), layers.size(), model.tensors));
  model.identity = whole.finish();
  return model;
}

}  // namespace demo
