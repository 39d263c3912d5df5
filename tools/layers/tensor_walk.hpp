#pragma once

#include "disk/byte_progress.hpp"
#include "disk/interruption.hpp"
#include "layers/opened_model.hpp"

#include <larder/layer/layer_verification.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace layers {

/// Small enough to be hashed while it is still in the processor's cache.
inline constexpr std::size_t piece_size = std::size_t{1} << 20;

/// Reads every layer once and calls `found(layer, tensor, digest)` for each tensor that has bytes; false when it was interrupted.
template <class Found>
bool hash_tensors(const opened_model& model, const disk::interruption& stop, disk::byte_progress& progress, Found found) {
  std::vector<std::byte> buffer(piece_size);
  const std::span<const larder::layer_info> all = model.layers();
  for (std::size_t i = 0; i < all.size(); ++i) {
    larder::layers::tensor_hasher hasher(all[i].tensors);
    for (std::uint64_t at = 0; at < all[i].size;) {
      if (stop.asked()) return false;
      const std::span<std::byte> piece =
          std::span(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), all[i].size - at)));
      model.read(i, at, piece);
      hasher.add(piece, [&](std::size_t tensor, const larder::digest& id) { found(i, tensor, id); });
      at += piece.size();
      progress.add(piece.size());
    }
  }
  return true;
}

}  // namespace layers
