#pragma once

// Layers out of GGUF files. A layer's memory holds its tensors in file order, aligned as the file aligns them (up to the page
// that a layer begins with), so that kernels which ask for that can use them in place. Nothing is mapped: a file that shrinks is
// an error, not SIGBUS.

#include <larder/core/error.hpp>
#include <larder/format/gguf_header.hpp>
#include <larder/format/gguf_split.hpp>
#include <larder/format/tensor.hpp>
#include <larder/format/tensor_name.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/model_file.hpp>
#include <larder/layer/model_layers.hpp>
#include <larder/layer/tensor_files.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {
namespace layers {

/// What GGUF files say before their tensors; of a model in several files all of them, by the first.
class gguf_headers {
 public:
  gguf_headers(model_file file, tensor_files& into) {
    format::gguf_header first = header_of(file);
    const std::string name = file.name();
    const format::gguf_split place = format::split_of(first.metadata, name);
    if (place.number != 0)
      core::fail(error_cause::invalid_argument, name + " is file " + std::to_string(place.number + 1) + " of " +
                                                    std::to_string(place.count) +
                                                    " of a model; give the first one, which the others follow");
    std::vector<model_file> others;
    for (std::uint64_t i = 1; i < place.count; ++i) others.push_back(file.beside(name_beside(name, i, place.count)));
    metadata_ = std::move(first.metadata);
    add(std::move(file), std::move(first), into);
    for (std::uint64_t i = 1; i < place.count; ++i) {
      model_file& other = others[static_cast<std::size_t>(i - 1)];
      format::gguf_header header = header_of(other);
      if (const format::gguf_split its = format::split_of(header.metadata, other.name());
          its.number != i || its.count != place.count)
        core::fail(error_cause::corruption, other.name() + " says that it is file " + std::to_string(its.number + 1) + " of " +
                                                std::to_string(its.count) + "; by its name it is another one");
      add(std::move(other), std::move(header), into);
    }
    if (place.count == 1) return;
    if (place.tensors && *place.tensors != into.tensors().size())
      core::fail(error_cause::corruption, name + " names " + std::to_string(*place.tensors) + " tensors, its files have " +
                                              std::to_string(into.tensors().size()));
    if (const tensor_info* const twice = format::repeated_tensor(into.tensors()))
      core::fail(error_cause::corruption, name + ": two files have a tensor " + format::printable_name(twice->name));
  }
  std::uint64_t alignment(const tensor_info&) const noexcept { return alignment_; }
  const auto& metadata() const noexcept { return metadata_; }

 private:
  static format::gguf_header header_of(const model_file& file) {
    format::gguf_header header = format::parse_gguf_header(
        [&file](std::uint64_t offset, std::span<std::byte> out) { file.read(offset, out); }, file.size(), file.name());
    file.check_unchanged();
    return header;
  }
  static std::string name_beside(const std::string& first, std::uint64_t number, std::uint64_t count) {
    const std::size_t slash = first.rfind('/');
    std::optional<std::string> name =
        format::split_name(std::string_view(first).substr(slash == std::string::npos ? 0 : slash + 1), number, count);
    if (!name)
      core::fail(error_cause::invalid_argument,
                 first + " is the first of " + std::to_string(count) +
                     " files of a model and is not called as such (NAME-00001-of-0000N.gguf), so the others are not found");
    return std::move(*name);
  }
  void add(model_file&& file, format::gguf_header&& header, tensor_files& into) {
    alignment_ = std::max(alignment_, header.alignment);
    into.add(std::move(file), std::move(header.tensors), header.data_begin);
  }

  std::uint64_t alignment_ = 1;
  std::map<std::string, format::gguf_value, std::less<>> metadata_;  // the first file's
};

}  // namespace layers

/// The layers of a GGUF file ("blk.7" with "attn_q.weight", ...), as a source for `layer_cache`; of a model in several when the
/// path is that of the first (`NAME-00001-of-00003.gguf`). The header is read and checked at construction (`larder::error` says
/// what is wrong, with file, tensor and offset); the file stays open and must not change in place: a later `read` of a changed or
/// truncated file throws. `read` may run in several threads at once. Tensors whose elements come in blocks (`Q4_K`) are read as
/// `std::byte`. `metadata()` has the header's entries: `std::get<std::string>(source.metadata().at("general.architecture"))`.
class gguf : public layers::model_layers<layers::gguf_headers> {
 public:
  using model_layers::model_layers;
};

static_assert(layer_source<gguf>);

}  // namespace larder
