#pragma once

// Layers out of a safetensors file. A layer's memory holds its tensors one after the other in file order, each where an
// element of its type may begin; in files written as the format's own writers do that needs no gap, and neighbours in
// the file are read by one call straight to their place. Nothing is mapped: a file that shrinks is an error, not SIGBUS.

#include <larder/core/error.hpp>
#include <larder/format/safetensors_header.hpp>
#include <larder/format/safetensors_index.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/readable_file.hpp>
#include <larder/layer/tensor_files.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

/// The layers of a safetensors file, as a source for `layer_cache`; of a model in several files when the path is that of their index
/// (`model.safetensors.index.json`). Headers are read and checked at construction (`larder::error` says what is wrong, with file,
/// tensor and offset), and of an index that its files hold the tensors which it names there and no others; the files stay open and
/// must not change in place: a later `read` of a changed or truncated file throws. `read` may run in several threads at once.
class safetensors {
 public:
  explicit safetensors(std::filesystem::path path) : safetensors(std::move(path), group_by{&layers::layer_of}) {}

  /// Layers by `f(tensor's name) -> layer's name`.
  template <class F>
  safetensors(std::filesystem::path path, group_by<F> grouping) : path_(std::move(path)) {
    open();
    lay_out(layers::group_tensors(tensors(), grouping));
  }

  /// Layers by a list; tensors that it does not name are left out.
  safetensors(std::filesystem::path path, const std::vector<layer_group>& list) : path_(std::move(path)) {
    open();
    lay_out(layers::group_tensors(tensors(), list, path_.string()));
  }

  std::span<const layer_info> layers() const noexcept { return files_.layers(); }

  /// Fills `destination` with the bytes of layer `index` from `offset`; throws `larder::error` (io) when the file changed.
  void read(std::size_t index, std::uint64_t offset, std::span<std::byte> destination) const {
    files_.read(index, offset, destination);
  }

  /// Every tensor in file order, files in the order of their names; offsets count from the begin of their file's data.
  std::span<const tensor_info> tensors() const noexcept { return files_.tensors(); }
  /// The `__metadata__` of the header; of several files what their headers have, the first file's word counting.
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  void open() {
    if (path_.extension() == ".json")
      add_files();
    else
      add(path_);
  }
  void add_files() {
    const layers::readable_file file(path_);
    if (file.size() > format::safetensors_index_limit)
      core::fail(error_cause::corruption, path_.string() + ": an index of " + std::to_string(file.size()) + " bytes is not read");
    std::vector<std::byte> json(static_cast<std::size_t>(file.size()));
    file.read(0, json);
    const format::safetensors_index index = format::parse_safetensors_index(json, path_.string());
    std::map<std::string, std::size_t> expected;  // tensors, by file
    for (const auto& [tensor, where] : index) ++expected[where];
    for (const auto& [name, count] : expected) {
      const std::size_t first = tensors().size();
      add(path_.parent_path() / name);
      for (const tensor_info& tensor : tensors().subspan(first))
        if (const auto found = index.find(tensor.name); found == index.end() || found->second != name)
          core::fail(error_cause::corruption, path_.string() + ": tensor " + format::printable_name(tensor.name) + " is in " + name +
                                                  ", where the index does not have it");
      if (tensors().size() - first != count)
        core::fail(error_cause::corruption, path_.string() + ": " + name + " has " + std::to_string(tensors().size() - first) +
                                                " tensors, the index names " + std::to_string(count) + " there");
    }
  }
  void add(const std::filesystem::path& path) {
    layers::readable_file file(path);
    const std::string name = path.string();
    std::array<std::byte, format::safetensors_prefix> prefix{};
    if (file.size() >= prefix.size()) file.read(0, prefix);
    std::vector<std::byte> json(static_cast<std::size_t>(format::parse_safetensors_length(prefix, file.size(), name)));
    file.read(prefix.size(), json);
    file.check_unchanged();
    format::safetensors_header header = format::parse_safetensors_header(json, file.size(), name);
    metadata_.merge(header.metadata);
    files_.add(std::move(file), std::move(header.tensors), header.data_begin);
  }
  void lay_out(const std::vector<layers::tensor_group>& groups) {
    files_.lay_out(groups, [](const tensor_info& t) { return alignment_of(t.dtype); });
  }

  std::filesystem::path path_;
  layers::tensor_files files_;
  std::map<std::string, std::string> metadata_;
};

static_assert(layer_source<safetensors>);

}  // namespace larder
