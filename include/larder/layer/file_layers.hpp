#pragma once

#include <larder/format/tensor.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/layer/tensor_files.hpp>
#include <larder/storage/file_mapping.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace larder::layers {

/// What sources of layers out of files have in common: what they derive from fills `files_`.
class file_layers {
 public:
  std::span<const layer_info> layers() const noexcept { return files_.layers(); }
  /// Every tensor in file order, files in the order in which they were added; offsets count from the begin of their file's data.
  std::span<const tensor_info> tensors() const noexcept { return files_.tensors(); }

  /// Fills `destination` with the bytes of layer `index` from `offset`; throws `larder::error` (io) when a file changed.
  void read(std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    files_.read(index, offset, destination);
  }
  /// The file that has a tensor, and where in it: "model.safetensors, offset 4096".
  std::string place_of(std::size_t index, std::size_t tensor) const { return files_.place_of(index, tensor); }
  /// How many bytes are best asked for at once.
  std::uint64_t read_unit() const noexcept { return files_.read_unit(); }

  /// For the cache: see `layer_source`.
  void read_by(read_path path) { files_.read_by(path); }
  std::size_t offset_in_page(std::size_t index) const noexcept { return files_.offset_in_page(index); }
  std::uint64_t alignment_of_layer(std::size_t index) const noexcept { return files_.alignment_of_layer(index); }
  std::size_t loads_at_once() const noexcept { return files_.loads_at_once(); }
  void read_layer(std::size_t index, std::span<std::byte> destination, arrival& heard) const {
    files_.read_rest(index, 0, destination, heard);
  }
  void read_rest(std::size_t index, std::uint64_t from, std::span<std::byte> destination, arrival& heard) const {
    files_.read_rest(index, from, destination, heard);
  }
  storage::file_mapping map_layer(std::size_t index) const noexcept { return files_.map_layer(index); }
  void page_in_layer(std::size_t index, std::span<const std::byte> mapped, arrival& heard) const {
    files_.page_in_layer(index, mapped, heard);
  }

 protected:
  file_layers() = default;

  tensor_files files_;
};

}  // namespace larder::layers
