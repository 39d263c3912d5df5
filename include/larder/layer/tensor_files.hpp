#pragma once

#include <larder/format/tensor.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/model_file.hpp>
#include <larder/layer/readable_files.hpp>
#include <larder/layer/tensor_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder::layers {

/// What a source of layers out of files is, whatever the format: the files, their tensors, and where these lie in the layers.
class tensor_files {
 public:
  /// A file, and its tensors in file order with offsets from `data_begin` in it. All are added before `lay_out`.
  void add(model_file file, std::vector<tensor_info> tensors, std::uint64_t data_begin) {
    data_begin += files_.add(std::move(file));
    for (tensor_info& tensor : tensors) {
      places_.push_back(data_begin + tensor.offset);
      tensors_.push_back(std::move(tensor));
    }
  }
  /// Once. `groups` of the tensors; `alignment(tensor)`: where it may begin in memory.
  template <class Alignment>
  void lay_out(const std::vector<tensor_group>& groups, Alignment alignment) {
    const std::vector<std::uint64_t> places = std::move(places_);
    layout_ = tensor_layout(
        groups, tensors_, [&places](std::size_t i) { return places[i]; }, alignment);
  }

  std::span<const layer_info> layers() const noexcept { return layout_.layers(); }
  std::span<const tensor_info> tensors() const noexcept { return tensors_; }
  std::uint64_t read_unit() const noexcept { return files_.read_unit(); }
  /// Where a tensor of a layer is: its file and the offset there.
  std::string place_of(std::size_t index, std::size_t tensor) const {
    const tensor_info& info = layers()[index].tensors[tensor];
    const std::optional<std::uint64_t> place = layout_.place_of(index, info.offset);
    return place && info.size != 0 ? files_.place_of(*place) : "no place, since it has no bytes";
  }

  /// Fills `destination` with the bytes of layer `index` from `offset`; throws `larder::error` (io) when a file that it reads was
  /// changed, and at a layer's beginning when any was: no layer is of a model some files of which are another one's by then.
  void read(std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    layout_.read(files_, index, offset, destination);
    if (offset == 0) files_.check_unchanged();
  }

 private:
  readable_files files_;
  std::vector<tensor_info> tensors_;
  std::vector<std::uint64_t> places_;  // of the tensors in the files, until they are laid out
  tensor_layout layout_;
};

}  // namespace larder::layers
