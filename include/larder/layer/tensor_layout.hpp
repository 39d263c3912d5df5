#pragma once

// Where the tensors of a file lie in their layers' memory: one after the other in file order, each where it may begin. What touches
// in the file and in memory is read by one call straight to its place.

#include <larder/format/tensor.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/layer_source.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace larder::layers {

class tensor_layout {
 public:
  tensor_layout() = default;

  /// `tensors` in file order; `place(index) -> offset` in what is read; `alignment(tensor) -> bytes` in memory.
  template <class Place, class Alignment>
  tensor_layout(const std::vector<tensor_group>& groups, std::span<const tensor_info> tensors, Place place, Alignment alignment) {
    layers_.reserve(groups.size());
    alignments_.reserve(groups.size());
    extents_.reserve(groups.size());
    for (const tensor_group& group : groups) {
      layer_info layer;
      layer.name = group.name;
      std::vector<extent> pieces;
      std::uint64_t at = 0;
      std::uint64_t strictest = 1;
      for (const std::size_t i : group.tensors) {
        tensor_info tensor = tensors[i];
        const std::uint64_t multiple = alignment(tensor);
        strictest = std::lcm(strictest, multiple);
        at = (at + multiple - 1) / multiple * multiple;
        add(pieces, {at, place(i), tensor.size});
        tensor.offset = at;
        at += tensor.size;
        layer.tensors.push_back(std::move(tensor));
      }
      layer.size = at;
      layers_.push_back(std::move(layer));
      alignments_.push_back(strictest);
      extents_.push_back(std::move(pieces));
    }
  }

  std::span<const layer_info> layers() const noexcept { return layers_; }
  /// Where in what is read the byte at an offset in a layer is; nothing for one in a gap or at the layer's end.
  std::optional<std::uint64_t> place_of(std::size_t index, std::uint64_t offset) const noexcept {
    for (const extent& piece : extents_[index])
      if (offset >= piece.memory && offset - piece.memory < piece.size) return piece.file + (offset - piece.memory);
    return std::nullopt;
  }

  /// Fills `destination` with the bytes of layer `index` from `offset`; gaps between tensors are zeros. `file`: anything with
  /// `read(offset, destination)`.
  template <class File>
  void read(const File& file, std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    for_each_piece(index, offset, destination, [&](std::uint64_t place, std::span<std::byte> room) { file.read(place, room); });
  }

  /// f(place, room) for each piece of what `read` would read, in the order of memory; gaps between them are made zeros.
  template <class F>
  void for_each_piece(std::size_t index, std::uint64_t offset, std::span<std::byte> destination, F&& f) const {
    const std::uint64_t end = offset + destination.size();
    std::uint64_t at = offset;
    const auto clear_up_to = [&](std::uint64_t place) {  // a gap that aligns the next tensor
      if (at >= place) return;
      std::memset(destination.data() + (at - offset), 0, static_cast<std::size_t>(place - at));
      at = place;
    };
    for (const extent& piece : extents_[index]) {
      if (piece.memory + piece.size <= at) continue;
      if (piece.memory >= end) break;
      clear_up_to(piece.memory);
      const std::uint64_t n = std::min(end, piece.memory + piece.size) - at;
      f(piece.file + (at - piece.memory), destination.subspan(static_cast<std::size_t>(at - offset), static_cast<std::size_t>(n)));
      at += n;
    }
    clear_up_to(end);
  }

  /// The layer's memory begins at a multiple of that many bytes, so that each of its tensors may begin where it does.
  std::uint64_t alignment_of_layer(std::size_t index) const noexcept { return alignments_[index]; }

  /// What is whole in memory and where it is read.
  struct extent {
    std::uint64_t memory;  // from the layer's begin
    std::uint64_t file;
    std::uint64_t size;
  };
  /// The largest piece of a layer; of none where there is none.
  extent largest_piece(std::size_t index) const noexcept {
    const std::vector<extent>& all = extents_[index];
    const auto largest = std::max_element(all.begin(), all.end(), [](const extent& a, const extent& b) { return a.size < b.size; });
    return largest == all.end() ? extent{} : *largest;
  }

  /// Where in what is read a layer begins that lies there as it does in memory, with gaps as wide; nothing for others.
  std::optional<std::uint64_t> place_of_layer(std::size_t index) const noexcept {
    const std::vector<extent>& all = extents_[index];
    if (all.empty() || all.back().memory + all.back().size != layers_[index].size) return std::nullopt;
    const std::uint64_t begin = all.front().file - all.front().memory;
    for (const extent& piece : all)
      if (piece.file - piece.memory != begin) return std::nullopt;
    return begin;
  }

 private:
  /// Joins what touches both in memory and in the file.
  static void add(std::vector<extent>& pieces, const extent& next) {
    if (next.size == 0) return;
    if (!pieces.empty() && pieces.back().memory + pieces.back().size == next.memory &&
        pieces.back().file + pieces.back().size == next.file)
      pieces.back().size += next.size;
    else
      pieces.push_back(next);
  }

  std::vector<layer_info> layers_;
  std::vector<std::uint64_t> alignments_;
  std::vector<std::vector<extent>> extents_;
};

}  // namespace larder::layers
