#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace larder {

/// A part of a chunk and the memory that it is to fill.
struct chunk_piece {
  digest id;  ///< of the whole chunk, by which it is found
  std::uint64_t chunk_size = 0;
  std::uint64_t offset = 0;     ///< in the chunk
  std::span<std::byte> room{};  ///< ends in the chunk
};

/// A place where the chunks of models are, and their manifests.
/// * `manifest(model) -> bytes`: the text of a manifest, by a name that is fit for paths and addresses.
/// * `read(pieces)`: fills each piece's room; they may come in any order and side by side.
/// * `name()`: what messages call the place.
/// All throw `larder::error` when they cannot, and run in several threads at once. `read_unit()`, optional, is how many bytes of a layer
/// are best asked for at once. What comes is not compared with the digests here.
template <class C>
concept chunk_store = std::move_constructible<C> &&
    requires(const C& chunks, const std::string& model, const std::span<const chunk_piece> pieces) {
  { chunks.manifest(model) } -> std::convertible_to<bytes>;
  chunks.read(pieces);
  { chunks.name() } -> std::convertible_to<std::string>;
};

}  // namespace larder
