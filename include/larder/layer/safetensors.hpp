#pragma once

// Layers out of a safetensors file. A layer's memory holds its tensors one after the other in file order, each where an
// element of its type may begin; in files written as the format's own writers do that needs no gap, and neighbours in
// the file are read by one call straight to their place. Nothing is mapped unless `read_path::mapped` asks for it: a
// file that shrinks is an error, not SIGBUS.

#include <larder/core/error.hpp>
#include <larder/format/safetensors_header.hpp>
#include <larder/format/safetensors_index.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/model_file.hpp>
#include <larder/layer/model_layers.hpp>
#include <larder/layer/tensor_files.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace larder {
namespace layers {

/// The header of one file, checked.
inline format::safetensors_header safetensors_header_of(const model_file& file) {
  std::array<std::byte, format::safetensors_prefix> prefix{};
  if (file.size() >= prefix.size()) file.read(0, prefix);
  std::vector<std::byte> json(static_cast<std::size_t>(format::parse_safetensors_length(prefix, file.size(), file.name())));
  file.read(prefix.size(), json);
  file.check_unchanged();
  return format::parse_safetensors_header(json, file.size(), file.name());
}

/// What safetensors files say before their tensors; of a model in several files by their index.
class safetensors_headers {
 public:
  safetensors_headers(model_file file, tensor_files& into) {
    if (file.name().ends_with(".json"))
      add_all(file, into);
    else
      add(std::move(file), into);
  }
  std::uint64_t alignment(const tensor_info& tensor) const { return alignment_of(tensor.dtype); }
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

 private:
  void add_all(const model_file& file, tensor_files& into) {
    if (file.size() > format::safetensors_index_limit)
      core::fail(error_cause::corruption, file.name() + ": an index of " + std::to_string(file.size()) + " bytes is not read");
    std::vector<std::byte> json(static_cast<std::size_t>(file.size()));
    file.read(0, json);
    const format::safetensors_index index = format::parse_safetensors_index(json, file.name());
    std::map<std::string, std::size_t> expected;  // tensors, by file
    for (const auto& [tensor, where] : index) ++expected[where];
    for (const auto& [name, count] : expected) {
      const std::size_t first = into.tensors().size();
      add(file.beside(name), into);
      for (const tensor_info& tensor : into.tensors().subspan(first))
        if (const auto found = index.find(tensor.name); found == index.end() || found->second != name)
          core::fail(error_cause::corruption, file.name() + ": tensor " + format::printable_name(tensor.name) + " is in " + name +
                                                  ", where the index does not have it");
      if (into.tensors().size() - first != count)
        core::fail(error_cause::corruption, file.name() + ": " + name + " has " + std::to_string(into.tensors().size() - first) +
                                                " tensors, the index names " + std::to_string(count) + " there");
    }
  }
  void add(model_file file, tensor_files& into) {
    format::safetensors_header header = safetensors_header_of(file);
    metadata_.merge(header.metadata);
    into.add(std::move(file), std::move(header.tensors), header.data_begin);
  }

  std::map<std::string, std::string> metadata_;
};

}  // namespace layers

/// The layers of a safetensors file, as a source for `layer_cache`; of a model in several files when the path is that of their
/// index (`model.safetensors.index.json`). Headers are read and checked at construction (`larder::error` says what is wrong, with
/// file, tensor and offset), and of an index that its files hold the tensors which it names there and no others; the files stay
/// open and must not change in place: a later `read` of a changed or truncated file throws. `read` may run in several threads at
/// once. `metadata()` is the `__metadata__` of the header; of several files what their headers have, the first file's word
/// counting.
class safetensors : public layers::model_layers<layers::safetensors_headers> {
 public:
  using model_layers::model_layers;
};

static_assert(layer_source<safetensors>);

}  // namespace larder
