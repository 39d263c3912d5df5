#pragma once

// Layers out of a GGUF file. A layer's memory holds its tensors in file order, aligned as the file aligns them (up to the page that a
// layer begins with), so that kernels which ask for that can use them in place. Nothing is mapped: a file that shrinks is an error, not
// SIGBUS.

#include <larder/format/gguf_header.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/model_file.hpp>
#include <larder/layer/model_layers.hpp>
#include <larder/layer/tensor_files.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>

namespace larder {
namespace layers {

/// What a GGUF file says before its tensors.
class gguf_headers {
 public:
  gguf_headers(model_file file, tensor_files& into) {
    format::gguf_header header = format::parse_gguf_header(
        [&file](std::uint64_t offset, std::span<std::byte> out) { file.read(offset, out); }, file.size(), file.name());
    file.check_unchanged();
    alignment_ = header.alignment;
    metadata_ = std::move(header.metadata);
    into.add(std::move(file), std::move(header.tensors), header.data_begin);
  }
  std::uint64_t alignment(const tensor_info&) const noexcept { return alignment_; }
  const auto& metadata() const noexcept { return metadata_; }

 private:
  std::uint64_t alignment_ = 0;
  std::map<std::string, format::gguf_value, std::less<>> metadata_;
};

}  // namespace layers

/// The layers of a GGUF file ("blk.7" with "attn_q.weight", ...), as a source for `layer_cache`. The header is read and checked at
/// construction (`larder::error` says what is wrong, with file, tensor and offset); the file stays open and must not change in place:
/// a later `read` of a changed or truncated file throws. `read` may run in several threads at once. Tensors whose elements come in
/// blocks (`Q4_K`) are read as `std::byte`. `metadata()` has the header's entries:
/// `std::get<std::string>(source.metadata().at("general.architecture"))`.
class gguf : public layers::model_layers<layers::gguf_headers> {
 public:
  using model_layers::model_layers;
};

static_assert(layer_source<gguf>);

}  // namespace larder
