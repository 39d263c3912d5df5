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
#include <larder/layer/tensor_layout.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
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

  std::span<const layer_info> layers() const noexcept { return layout_.layers(); }

  /// Fills `destination` with the bytes of layer `index` from `offset`; throws `larder::error` (io) when the file changed.
  void read(std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    layout_.read(file_, index, offset, destination);
    file_.check_unchanged();
  }

  /// Every tensor of the file in file order; offsets count from the begin of the file's data.
  std::span<const tensor_info> tensors() const noexcept { return header_.tensors; }
  /// The header's `__metadata__`.
  const std::map<std::string, std::string>& metadata() const noexcept { return header_.metadata; }
  const std::filesystem::path& path() const noexcept { return file_.path(); }

 private:
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
    layout_ = layers::tensor_layout(groups, header_.tensors, header_.data_begin, [](const tensor_info& t) { return alignment_of(t.dtype); });
  }

  layers::readable_file file_;
  format::safetensors_header header_;
  layers::tensor_layout layout_;
};

static_assert(layer_source<safetensors>);

}  // namespace larder
