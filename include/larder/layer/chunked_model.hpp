#pragma once

// Layers out of chunks: pieces of tensors that are stored by themselves, each under its digest, so that models which share tensors share
// what they take on disk and on a server. `larder layers split` makes them, a manifest says which make up a model.

#include <larder/core/bytes.hpp>
#include <larder/core/chunk_store.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/format/model_manifest.hpp>
#include <larder/layer/chunk_directory.hpp>
#include <larder/layer/layer_source.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder {

/// The layers of a model in chunks, as a source for `layer_cache`: `chunked_model{"DIR", "llama"}`, or from a weight server
/// `chunked_model{http_chunks{"http://127.0.0.1:8080"}, "llama"}` (larder/storage/http_chunks.hpp). The manifest is read and checked at
/// construction (`larder::error` says what is wrong), chunks when a layer needs them. The cache compares each tensor with the digest that
/// the manifest gives, as `verify_tensors` says. `read` may run in several threads at once.
template <chunk_store Chunks>
class chunked_model {
 public:
  /// `model`: a name that `format::is_model_name` allows.
  chunked_model(Chunks chunks, std::string model) : chunks_(std::move(chunks)), name_(std::move(model)) {
    format::check_model_name(name_);
    const bytes text = chunks_.manifest(name_);
    const std::string file = "the manifest of " + name_ + " in " + chunks_.name();
    take(format::parse_model_manifest(text.span(), file), file);
  }
  template <class Path>
    requires(std::same_as<Chunks, chunk_directory>&& std::convertible_to<Path, std::filesystem::path>)
  chunked_model(Path&& directory, std::string model)
      : chunked_model(chunk_directory(std::filesystem::path(std::forward<Path>(directory))), std::move(model)) {}

  std::span<const layer_info> layers() const noexcept { return layers_; }

  /// Fills `destination` with the bytes of layer `index` from `offset`; gaps between tensors are zeros. Throws as the place of the chunks does.
  void read(std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    const std::vector<extent>& all = extents_[index];
    const std::uint64_t end = offset + destination.size();
    std::vector<chunk_piece> wanted;
    std::uint64_t at = offset;
    const auto room = [&](std::uint64_t to) {  // from `at`
      return destination.subspan(static_cast<std::size_t>(at - offset), static_cast<std::size_t>(to - at));
    };
    const auto clear_up_to = [&](std::uint64_t place) {
      if (at >= place) return;
      std::memset(room(place).data(), 0, room(place).size());
      at = place;
    };
    for (auto next = std::partition_point(all.begin(), all.end(), [&](const extent& e) { return e.memory + e.size <= offset; });
         next != all.end() && next->memory < end; ++next) {
      clear_up_to(next->memory);
      const std::uint64_t to = std::min(end, next->memory + next->size);
      wanted.push_back({next->id, next->size, at - next->memory, room(to)});
      at = to;
    }
    clear_up_to(end);
    chunks_.read(wanted);
  }
  /// How many bytes are best asked for at once.
  std::uint64_t read_unit() const noexcept {
    if constexpr (requires {
                    { chunks_.read_unit() } -> std::convertible_to<std::uint64_t>;
                  })
      return chunks_.read_unit();
    else
      return layers::read_unit;
  }

  /// What the manifest says.
  const layers::tensor_digests& digests() const noexcept { return digests_; }
  /// The chunk with which a tensor begins, and where that is.
  std::string place_of(std::size_t index, std::size_t tensor) const {
    const tensor_info& info = layers_[index].tensors[tensor];
    for (const extent& e : extents_[index])
      if (e.memory == info.offset && info.size != 0) return "chunk " + e.id.hex() + " in " + chunks_.name();
    return "no chunk, since it has no bytes";
  }

  /// The model's name.
  const std::string& name() const noexcept { return name_; }
  const Chunks& chunks() const noexcept { return chunks_; }

 private:
  /// A chunk, and where its bytes are in the layer.
  struct extent {
    std::uint64_t memory;
    std::uint64_t size;
    digest id;
  };

  void take(format::model_manifest manifest, const std::string& file) {
    if (!manifest.is_split)
      core::fail(
          error_cause::invalid_argument,
          file + " says nothing of chunks, as one beside a whole model; larder layers split MODEL DIR writes one that does");
    for (format::manifest_layer& from : manifest.layers) {
      layer_info layer{std::move(from.name), from.size, {}};
      std::vector<extent> extents;
      auto& expected = digests_.emplace_back();
      for (format::manifest_tensor& tensor : from.tensors) {
        std::uint64_t at = tensor.info.offset;
        for (const format::manifest_chunk& chunk : tensor.chunks) {
          extents.push_back({at, chunk.size, chunk.id});
          at += chunk.size;
        }
        expected.emplace_back(tensor.id);
        layer.tensors.push_back(std::move(tensor.info));
      }
      layers_.push_back(std::move(layer));
      extents_.push_back(std::move(extents));
    }
  }

  Chunks chunks_;
  std::string name_;
  std::vector<layer_info> layers_;
  std::vector<std::vector<extent>> extents_;  // by layer, in the order of its memory
  layers::tensor_digests digests_;
};

template <chunk_store Chunks, class Name>
chunked_model(Chunks, Name) -> chunked_model<Chunks>;
template <class Path, class Name>
  requires(std::convertible_to<Path, std::filesystem::path>)
chunked_model(Path, Name)
->chunked_model<chunk_directory>;

static_assert(layer_source<chunked_model<chunk_directory>>);

}  // namespace larder
