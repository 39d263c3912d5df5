#pragma once

// Models in memory whose tensors have digests, for caches that share them: what is read is logged, and may be made wrong.

#include <larder/core/digest.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/read_path.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace larder_tests {

/// Tensors of one seed and size are equal.
struct seeded_tensor {
  std::uint64_t seed;
  std::uint64_t size;
  std::uint64_t gap = 0;  // bytes before it
};

inline std::byte seeded_byte(std::uint64_t seed, std::uint64_t at) {
  return static_cast<std::byte>((at * 131 + at / 251 + seed * 29 + (at >> 12U) * seed) & 0xffU);
}

/// What a source reads, and what happened to it.
struct model_in_memory {
  using tensors_of_layer = std::vector<seeded_tensor>;

  explicit model_in_memory(const std::vector<tensors_of_layer>& all) {
    for (const tensors_of_layer& tensors : all) {
      larder::layer_info info{"layer." + std::to_string(infos.size()), 0, {}};
      std::vector<std::byte> content;
      auto& known = digests.emplace_back();
      for (const seeded_tensor& tensor : tensors) {
        content.resize(content.size() + tensor.gap, std::byte{0xee});
        info.tensors.push_back({info.name + ".t" + std::to_string(info.tensors.size()),
                                larder::dtype::u8,
                                {tensor.size},
                                content.size(),
                                tensor.size});
        std::vector<std::byte> its(static_cast<std::size_t>(tensor.size));
        for (std::size_t k = 0; k < its.size(); ++k) its[k] = seeded_byte(tensor.seed, k);
        known.emplace_back(larder::digest_of(its));
        content.insert(content.end(), its.begin(), its.end());
      }
      info.size = content.size();
      infos.push_back(std::move(info));
      contents.push_back(std::move(content));
    }
  }

  std::uint64_t bytes_read() const { return read_bytes.load(); }
  /// Whether a byte of that tensor was ever asked for.
  bool was_read(std::size_t layer, std::size_t tensor) const {
    const std::lock_guard lock(mutex);
    const larder::tensor_info& info = infos[layer].tensors[tensor];
    return std::any_of(reads.begin(), reads.end(), [&](const range& r) {
      return r.layer == layer && r.offset < info.offset + info.size && r.offset + r.size > info.offset;
    });
  }

  void read(std::size_t layer, std::uint64_t offset, std::span<std::byte> destination) {
    if (before_read) before_read(layer, offset, destination.size());
    const std::vector<std::byte>& content = contents.at(layer);
    if (offset + destination.size() > content.size()) throw std::runtime_error("read beyond the layer");
    std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), destination.size(), destination.begin());
    read_bytes += destination.size();
    const std::lock_guard lock(mutex);
    reads.push_back({layer, offset, destination.size()});
  }

  struct range {
    std::size_t layer;
    std::uint64_t offset;
    std::uint64_t size;
  };
  std::vector<larder::layer_info> infos;
  std::vector<std::vector<std::byte>> contents;  // may be changed: the digests stay
  larder::layers::tensor_digests digests;
  std::function<void(std::size_t, std::uint64_t, std::size_t)> before_read;
  std::atomic<std::uint64_t> read_bytes{0};
  mutable std::mutex mutex;
  std::vector<range> reads;
};

/// A source of any pieces of a model, in units of 100,000 bytes.
struct pieces_source {
  std::shared_ptr<model_in_memory> model;

  std::span<const larder::layer_info> layers() const { return model->infos; }
  void read(std::size_t i, std::uint64_t offset, std::span<std::byte> destination) const { model->read(i, offset, destination); }
  larder::layers::tensor_digests digests() const { return model->digests; }
  std::uint64_t read_unit() const { return 100'000; }
};

/// A source of whole layers only.
struct whole_source {
  static constexpr bool whole_layers = true;
  std::shared_ptr<model_in_memory> model;

  std::span<const larder::layer_info> layers() const { return model->infos; }
  void read(std::size_t i, std::uint64_t offset, std::span<std::byte> destination) const {
    if (offset != 0 || destination.size() != model->infos[i].size) throw std::runtime_error("not a whole layer");
    model->read(i, offset, destination);
  }
  larder::layers::tensor_digests digests() const { return model->digests; }
};

/// A source whose layers begin in their page where it says, as those of files do.
struct placed_source {
  std::shared_ptr<model_in_memory> model;
  std::size_t begin = 0;
  std::uint64_t alignment = 8;

  std::span<const larder::layer_info> layers() const { return model->infos; }
  void read(std::size_t i, std::uint64_t offset, std::span<std::byte> destination) const { model->read(i, offset, destination); }
  larder::layers::tensor_digests digests() const { return model->digests; }
  void read_by(larder::read_path) {}
  std::size_t offset_in_page(std::size_t) const { return begin; }
  std::uint64_t alignment_of_layer(std::size_t) const { return alignment; }
  std::size_t loads_at_once() const { return 2; }
  void read_layer(std::size_t i, std::span<std::byte> destination, larder::layers::arrival& heard) const {
    model->read(i, 0, destination);
    heard.arrived(destination.size());
  }
};

/// Whether the lease has the very bytes that the model has for it.
template <class Layer>
bool is_right(const Layer& layer, const model_in_memory& model) {
  const std::vector<std::byte>& content = model.contents[layer.index()];
  return layer.size() == content.size() && std::equal(content.begin(), content.end(), layer.data().begin());
}

}  // namespace larder_tests
