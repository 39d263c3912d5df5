#pragma once

// Layers out of a GGUF file. A layer's memory holds its tensors in file order, aligned as the file aligns them (up to the page that a
// layer begins with), so that kernels which ask for that can use them in place. Nothing is mapped: a file that shrinks is an error, not
// SIGBUS.

#include <larder/format/gguf_header.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/readable_file.hpp>
#include <larder/layer/tensor_files.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

/// The layers of a GGUF file ("blk.7" with "attn_q.weight", ...), as a source for `layer_cache`. The header is read and checked at
/// construction (`larder::error` says what is wrong, with file, tensor and offset); the file stays open and must not change in place:
/// a later `read` of a changed or truncated file throws. `read` may run in several threads at once. Tensors whose elements come in
/// blocks (`Q4_K`) are read as `std::byte`.
class gguf {
 public:
  explicit gguf(std::filesystem::path path) : gguf(std::move(path), group_by{&layers::layer_of}) {}

  /// Layers by `f(tensor's name) -> layer's name`.
  template <class F>
  gguf(std::filesystem::path path, group_by<F> grouping) : path_(std::move(path)) {
    open();
    lay_out(layers::group_tensors(tensors(), grouping));
  }

  /// Layers by a list; tensors that it does not name are left out.
  gguf(std::filesystem::path path, const std::vector<layer_group>& list) : path_(std::move(path)) {
    open();
    lay_out(layers::group_tensors(tensors(), list, path_.string()));
  }

  std::span<const layer_info> layers() const noexcept { return files_.layers(); }

  /// Fills `destination` with the bytes of layer `index` from `offset`; throws `larder::error` (io) when the file changed.
  void read(std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    files_.read(index, offset, destination);
  }

  /// Every tensor of the file in file order; offsets count from the begin of the file's data.
  std::span<const tensor_info> tensors() const noexcept { return files_.tensors(); }
  /// The header's entries: `std::get<std::string>(source.metadata().at("general.architecture"))`.
  const std::map<std::string, format::gguf_value, std::less<>>& metadata() const noexcept { return metadata_; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  void open() {
    layers::readable_file file(path_);
    format::gguf_header header = format::parse_gguf_header(
        [&file](std::uint64_t offset, std::span<std::byte> out) { file.read(offset, out); }, file.size(), path_.string());
    file.check_unchanged();
    alignment_ = header.alignment;
    metadata_ = std::move(header.metadata);
    files_.add(std::move(file), std::move(header.tensors), header.data_begin);
  }
  void lay_out(const std::vector<layers::tensor_group>& groups) {
    files_.lay_out(groups, [this](const tensor_info&) { return alignment_; });
  }

  std::filesystem::path path_;
  layers::tensor_files files_;
  std::uint64_t alignment_ = 0;
  std::map<std::string, format::gguf_value, std::less<>> metadata_;
};

static_assert(layer_source<gguf>);

}  // namespace larder
