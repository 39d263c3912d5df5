#pragma once

#include <larder/format/tensor.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/file_pages.hpp>
#include <larder/layer/file_reading.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/model_file.hpp>
#include <larder/layer/page_in.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/layer/readable_file.hpp>
#include <larder/layer/readable_files.hpp>
#include <larder/layer/tensor_layout.hpp>
#include <larder/storage/file_mapping.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
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

  /// How the files are read from now on, where all are of this machine; before threads share this object. `mapped` is `automatic`
  /// here: who wants it asks `map_layer`.
  void read_by(read_path path) {
    if (path.value == read_path::mapped) path.value = read_path::automatic;
    reading_ = nullptr;
    pages_.clear();
    bool past_cache = path.value != read_path::buffered && files_.count() <= most_direct;
    for (std::size_t i = 0; i < files_.count(); ++i) {
      readable_file* file = files_[i].local();
      if (file == nullptr) return pages_.clear();
      past_cache = past_cache && file->open_direct();
      pages_.emplace_back(*file);
    }
    reading_ = std::make_unique<file_reading>(past_cache ? path.value : read_path::buffered);
  }
  /// The end of one layer and the beginning of the next are read side by side.
  std::size_t loads_at_once() const noexcept { return reading_ != nullptr ? 2 : 1; }
  /// Where in a page the memory of a layer is to begin so that it may be read past the page cache.
  std::size_t offset_in_page(std::size_t index) const noexcept {
    if (reading_ == nullptr || layers()[index].size < file_reading::least_direct || !reading_->choice().may_be_direct()) return 0;
    const tensor_layout::extent largest = layout_.largest_piece(index);
    if (largest.size == 0) return 0;
    constexpr std::uint64_t page = readable_file::direct_alignment;
    const std::uint64_t begin = (files_.offset_in_file(largest.file) + page - largest.memory % page) % page;
    return begin % layout_.alignment_of_layer(index) == 0 ? static_cast<std::size_t>(begin) : 0;
  }
  std::uint64_t alignment_of_layer(std::size_t index) const noexcept { return layout_.alignment_of_layer(index); }
  /// Fills `destination`, of which the first `from` bytes are there, with layer `index` and tells how far it has come; throws what
  /// `heard` throws, and when any file was changed.
  void read_rest(std::size_t index, std::uint64_t from, std::span<std::byte> destination, arrival& heard) const {
    const std::span<std::byte> rest = destination.subspan(static_cast<std::size_t>(from));
    if (reading_ == nullptr) {
      for (std::size_t at = 0; at < rest.size();) {
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(read_unit(), rest.size() - at));
        read(index, from + at, rest.subspan(at, n));
        at += n;
        heard.arrived(from + at);
      }
      if (from != 0) files_.check_unchanged();
      return;
    }
    std::vector<file_piece> pieces;
    layout_.for_each_piece(index, from, rest, [&](std::uint64_t place, std::span<std::byte> room) {
      files_.for_each_part(place, room, [&](std::size_t i, std::uint64_t offset, std::span<std::byte> part) {
        pieces.push_back({files_[i].local(), &pages_[i], offset, part});
      });
    });
    reading_->read(pieces, destination, heard);
    files_.check_unchanged();
    heard.arrived(destination.size());
  }

  /// A layer's memory as the pages of its file, none of which need be there yet; empty where it does not lie in one file of this
  /// machine as it does in memory, and where the system does not map it. What is between its tensors is what the file has there.
  storage::file_mapping map_layer(std::size_t index) const noexcept {
    const std::optional<std::uint64_t> place = layout_.place_of_layer(index);
    if (reading_ == nullptr || !place) return {};
    const readable_file& file = *files_[files_.file_of(*place)].local();
    const std::uint64_t offset = files_.offset_in_file(*place);
    const std::uint64_t size = layers()[index].size;
    if (offset % layout_.alignment_of_layer(index) != 0 || size > file.size() - offset) return {};
    return storage::file_mapping::of_range(file.descriptor(), offset, size);
  }
  /// As `read_layer`, for a layer that was mapped: its bytes come into memory.
  void page_in_layer(std::size_t index, std::span<const std::byte> mapped, arrival& heard) const {
    const std::uint64_t place = *layout_.place_of_layer(index);
    const std::size_t i = files_.file_of(place);
    files_.check_unchanged();
    page_in({files_[i].local(), &pages_[i], files_.offset_in_file(place), mapped}, heard, populate);
    files_.check_unchanged();
  }

  /// Fills `destination` with the bytes of layer `index` from `offset`; throws `larder::error` (io) when a file that it reads was
  /// changed, and at a layer's beginning when any was: no layer is of a model some files of which are another one's by then.
  void read(std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    layout_.read(files_, index, offset, destination);
    if (offset == 0) files_.check_unchanged();
  }

 private:
  static constexpr std::size_t most_direct = 64;  // files: each takes a second descriptor

  readable_files files_;
  std::vector<tensor_info> tensors_;
  std::vector<std::uint64_t> places_;  // of the tensors in the files, until they are laid out
  tensor_layout layout_;
  std::vector<file_pages> pages_;          // of each file
  std::unique_ptr<file_reading> reading_;  // where all files are of this machine
};

}  // namespace larder::layers
