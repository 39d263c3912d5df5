#pragma once

// Layers out of a safetensors file. A layer's memory holds its tensors one after the other in file order, each where an
// element of its type may begin; in files written as the format's own writers do that needs no gap, and neighbours in
// the file are read by one call straight to their place. Nothing is mapped: a file that shrinks is an error, not SIGBUS.

#include <larder/core/error.hpp>
#include <larder/format/safetensors_header.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/readable_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

/// The layers of a safetensors file, as a source for `layer_cache`. The header is read and checked at construction
/// (`larder::error` says what is wrong, with file, tensor and offset); the file stays open and must not change in place:
/// a later `read` of a changed or truncated file throws. `read` may run in several threads at once.
class safetensors {
 public:
  explicit safetensors(std::filesystem::path path) : safetensors(std::move(path), group_by{&layers::layer_of}) {}

  /// Layers by `f(tensor's name) -> layer's name`.
  template <class F>
  safetensors(std::filesystem::path path, group_by<F> grouping) : file_(std::move(path)) {
    static_assert(std::is_convertible_v<std::invoke_result_t<F&, std::string_view>, std::string> ||
                      std::is_constructible_v<std::string, std::invoke_result_t<F&, std::string_view>>,
                  "larder: group_by needs a function that takes a tensor's name and gives its layer's name");
    read_header();
    lay_out(layers::group_tensors(header_.tensors, grouping.f));
  }

  /// Layers by a list; tensors that it does not name are left out.
  safetensors(std::filesystem::path path, const std::vector<layer_group>& list) : file_(std::move(path)) {
    read_header();
    lay_out(layers::group_tensors(header_.tensors, list, file_.path().string()));
  }

  std::span<const layer_info> layers() const noexcept { return layers_; }

  /// Fills `destination` with the bytes of layer `index` from `offset`; throws `larder::error` (io) when the file changed.
  void read(std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    const std::uint64_t end = offset + destination.size();
    std::uint64_t at = offset;
    const auto clear_up_to = [&](std::uint64_t limit) {  // a gap that aligns the next tensor
      if (at >= limit) return;
      std::memset(destination.data() + (at - offset), 0, static_cast<std::size_t>(limit - at));
      at = limit;
    };
    for (const extent& piece : extents_[index]) {
      if (piece.memory + piece.size <= at) continue;
      if (piece.memory >= end) break;
      clear_up_to(piece.memory);
      const std::uint64_t n = std::min(end, piece.memory + piece.size) - at;
      file_.read(piece.file + (at - piece.memory), destination.subspan(static_cast<std::size_t>(at - offset), static_cast<std::size_t>(n)));
      at += n;
    }
    clear_up_to(end);
    file_.check_unchanged();
  }

  /// Every tensor of the file in file order; offsets count from the begin of the file's data.
  std::span<const tensor_info> tensors() const noexcept { return header_.tensors; }
  /// The header's `__metadata__`.
  const std::map<std::string, std::string>& metadata() const noexcept { return header_.metadata; }
  const std::filesystem::path& path() const noexcept { return file_.path(); }

 private:
  struct extent {
    std::uint64_t memory;
    std::uint64_t file;
    std::uint64_t size;
  };

  void read_header() {
    const std::string name = file_.path().string();
    std::array<std::byte, format::safetensors_prefix> prefix{};
    if (file_.size() >= prefix.size()) file_.read(0, prefix);
    std::vector<std::byte> json(static_cast<std::size_t>(format::parse_safetensors_length(prefix, file_.size(), name)));
    file_.read(prefix.size(), json);
    file_.check_unchanged();
    header_ = format::parse_safetensors_header(json, file_.size(), name);
  }

  void lay_out(const std::vector<layers::tensor_group>& groups) {
    layers_.reserve(groups.size());
    extents_.reserve(groups.size());
    for (const layers::tensor_group& group : groups) {
      layer_info layer;
      layer.name = group.name;
      std::vector<extent> pieces;
      std::uint64_t at = 0;
      for (const std::size_t i : group.tensors) {
        tensor_info tensor = header_.tensors[i];
        const std::uint64_t file_offset = header_.data_begin + tensor.offset;
        const std::uint64_t alignment = alignment_of(tensor.dtype);
        at = (at + alignment - 1) / alignment * alignment;
        if (!pieces.empty() && pieces.back().memory + pieces.back().size == at && pieces.back().file + pieces.back().size == file_offset)
          pieces.back().size += tensor.size;
        else if (tensor.size != 0)
          pieces.push_back({at, file_offset, tensor.size});
        tensor.offset = at;
        at += tensor.size;
        layer.tensors.push_back(std::move(tensor));
      }
      layer.size = at;
      layers_.push_back(std::move(layer));
      extents_.push_back(std::move(pieces));
    }
  }

  layers::readable_file file_;
  format::safetensors_header header_;
  std::vector<layer_info> layers_;
  std::vector<std::vector<extent>> extents_;
};

static_assert(layer_source<safetensors>);

}  // namespace larder
