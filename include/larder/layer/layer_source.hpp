#pragma once

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/storage/file_mapping.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

/// One layer of a model: what is loaded, used and dropped as a whole.
struct layer_info {
  std::string name;
  std::uint64_t size = 0;            ///< bytes in memory
  std::vector<tensor_info> tensors;  ///< offsets count from the begin of the layer's memory
};

/// Where layers come from.
/// * `layers()`: what there is, in the order of use; stays the same for the source's life.
/// * `read(index, offset, destination)`: fills `destination` with the layer's bytes from `offset`, or throws. Called from
///   several threads at once, never under a lock of the cache.
/// * optional `static constexpr bool whole_layers = true`: `read` is only ever asked for whole layers; else it is asked
///   for pieces of `layers::read_unit`, between which a stop request is heard; of `read_unit()` bytes where the source has that.
/// * optional `read_layer(index, destination, arrival&)`, called in the place of `read`: the whole layer at once, telling how far it
///   has come. With it `read_by(read_path)`, told before anything is read how files are to be read, and `offset_in_page(index)`,
///   asked before each load where in a page the layer's memory is to begin, and `loads_at_once()`, how many layers are best loaded
///   ahead side by side.
/// * optional beside `read_layer`: `read_rest(index, from, destination, arrival&)`, which does the same but for the layer's first `from`
///   bytes, which are there: `destination` has room for the whole layer. Without it the cache keeps no layer in part.
/// * optional `alignment_of_layer(index)`: the layer's memory may begin at any multiple of that many bytes; where it is missing it begins
///   where `offset_in_page` says, else on a page.
/// * optional, with the former, `map_layer(index)`: the layer's memory as a mapping of its file (`storage::file_mapping`), empty where
///   there is none; asked under `read_path::mapped` for a layer that stays. Then `page_in_layer(index, memory, arrival&)` in the place
///   of `read_layer`.
/// * optional `digests()`: a `layers::tensor_digests`, by layer and tensor which digest the bytes have, nothing where none is known;
///   empty when none is known at all. Asked for once, when a cache is made that verifies (`verify_tensors`); may throw.
/// * optional `place_of(index, tensor)`: where the tensor's bytes are, in words, for messages: "model.safetensors, offset 4096".
template <class S>
concept layer_source = std::move_constructible<S> && requires(const S& source, const std::size_t index, const std::uint64_t offset,
                                                   const std::span<std::byte> destination) {
  { source.layers() } -> std::convertible_to<std::span<const layer_info>>;
  source.read(index, offset, destination);
};

namespace layers {

/// How much is read at once: large enough for the disk's full rate, small enough to stop soon.
inline constexpr std::uint64_t read_unit = std::uint64_t{2} << 20;

/// The digest of each tensor that one is known of, by layer and tensor.
using tensor_digests = std::vector<std::vector<std::optional<digest>>>;

template <class S>
inline constexpr bool has_digests = requires(const S& source) {
  { source.digests() } -> std::convertible_to<tensor_digests>;
};

template <class S>
concept reads_with_arrival = requires(S& source, const S& constant, const std::size_t index, const std::span<std::byte> destination,
                                      arrival& heard, const read_path path) {
  source.read_by(path);
  { constant.offset_in_page(index) } -> std::convertible_to<std::size_t>;
  { constant.loads_at_once() } -> std::convertible_to<std::size_t>;
  constant.read_layer(index, destination, heard);
};

template <class S>
concept reads_rest_with_arrival = requires(const S& constant, const std::size_t index, const std::uint64_t from,
                                           const std::span<std::byte> destination, arrival& heard) {
  constant.read_rest(index, from, destination, heard);
};

template <class S>
concept maps_layers = reads_with_arrival<S> &&
    requires(const S& constant, const std::size_t index, const std::span<const std::byte> memory, arrival& heard) {
  { constant.map_layer(index) } -> std::same_as<storage::file_mapping>;
  constant.page_in_layer(index, memory, heard);
};

template <class S>
inline constexpr bool reads_whole_layers = [] {
  if constexpr (requires { S::whole_layers; })
    return static_cast<bool>(S::whole_layers);
  else
    return false;
}();

/// Whether the rest of a layer can be read without its beginning.
template <class S>
inline constexpr bool reads_rests = reads_with_arrival<S> ? reads_rest_with_arrival<S> : !reads_whole_layers<S>;

/// The tensor's name inside its layer: what follows the layer's name and a dot, else the whole name.
inline std::string_view short_name(std::string_view layer, std::string_view tensor) noexcept {
  if (tensor.size() > layer.size() + 1 && tensor.starts_with(layer) && tensor[layer.size()] == '.') return tensor.substr(layer.size() + 1);
  return tensor;
}

}  // namespace layers
}  // namespace larder
