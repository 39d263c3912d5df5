#pragma once

#include <larder/core/error.hpp>
#include <larder/layer/layer_source.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

/// Layers that a function of one's own reads: from a remote store, another format, a test. `f` is one of
///   f(index, offset, destination)   any piece of a layer, such as a ranged request brings;
///   f(index, destination)           whole layers only.
/// It throws when it cannot fill the destination, and may be called from several threads at once. A layer without
/// tensors of its own gets one of bytes, named like the layer.
template <class F>
class loader_source {
  static constexpr bool ranged = std::is_invocable_v<const F&, std::size_t, std::uint64_t, std::span<std::byte>>;
  static_assert(ranged || std::is_invocable_v<const F&, std::size_t, std::span<std::byte>>,
                "larder: loader_source needs f(index, offset, destination) or f(index, destination), callable on a const object");

 public:
  static constexpr bool whole_layers = !ranged;

  loader_source(std::vector<layer_info> layers, F f) : layers_(std::move(layers)), f_(std::move(f)) {
    for (layer_info& layer : layers_) {
      if (layer.tensors.empty()) layer.tensors.push_back({layer.name, dtype::u8, {layer.size}, 0, layer.size});
      for (const tensor_info& tensor : layer.tensors)
        if (tensor.offset > layer.size || tensor.size > layer.size - tensor.offset)
          core::fail(error_cause::invalid_argument, "loader_source: tensor \"" + tensor.name + "\" does not lie inside layer \"" + layer.name +
                                                        "\" of " + std::to_string(layer.size) + " bytes");
    }
  }

  std::span<const layer_info> layers() const noexcept { return layers_; }

  void read(std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    if constexpr (ranged)
      std::invoke(f_, index, offset, destination);
    else
      std::invoke(f_, index, destination);
  }

 private:
  std::vector<layer_info> layers_;
  F f_;
};

}  // namespace larder
