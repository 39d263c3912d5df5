#pragma once

// Layers out of a GGUF file. A layer's memory holds its tensors in file order, aligned as the file aligns them, so that kernels
// which ask for that can use them in place; a layer whose tensors are neighbours in the file is one read. Nothing is mapped: a file
// that shrinks is an error, not SIGBUS.

#include <larder/format/gguf_header.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/readable_file.hpp>
#include <larder/layer/tensor_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
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
  gguf(std::filesystem::path path, group_by<F> grouping) : file_(std::move(path)) {
    static_assert(std::is_convertible_v<std::invoke_result_t<F&, std::string_view>, std::string> ||
                      std::is_constructible_v<std::string, std::invoke_result_t<F&, std::string_view>>,
                  "larder: group_by needs a function that takes a tensor's name and gives its layer's name");
    read_header();
    lay_out(layers::group_tensors(header_.tensors, grouping.f));
  }

  /// Layers by a list; tensors that it does not name are left out.
  gguf(std::filesystem::path path, const std::vector<layer_group>& list) : file_(std::move(path)) {
    read_header();
    lay_out(layers::group_tensors(header_.tensors, list, file_.path().string()));
  }

  std::span<const layer_info> layers() const noexcept { return layout_.layers(); }

  /// Fills `destination` with the bytes of layer `index` from `offset`; throws `larder::error` (io) when the file changed.
  void read(std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    layout_.read(file_, index, offset, destination);
    file_.check_unchanged();
  }

  /// Every tensor of the file in file order; offsets count from the begin of the file's data.
  std::span<const tensor_info> tensors() const noexcept { return header_.tensors; }
  /// The header's entries: `std::get<std::string>(source.metadata().at("general.architecture"))`.
  const std::map<std::string, format::gguf_value, std::less<>>& metadata() const noexcept { return header_.metadata; }
  const std::filesystem::path& path() const noexcept { return file_.path(); }

 private:
  void read_header() {
    header_ = format::parse_gguf_header([this](std::uint64_t offset, std::span<std::byte> out) { file_.read(offset, out); },
                                        file_.size(), file_.path().string());
    file_.check_unchanged();
  }
  void lay_out(const std::vector<layers::tensor_group>& groups) {
    layout_ = layers::tensor_layout(
        groups, header_.tensors, [this](std::size_t i) { return header_.data_begin + header_.tensors[i].offset; },
        [this](const tensor_info&) { return header_.alignment; });
  }

  layers::readable_file file_;
  format::gguf_header header_;
  layers::tensor_layout layout_;
};

static_assert(layer_source<gguf>);

}  // namespace larder
