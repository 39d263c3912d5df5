// Any bytes as a manifest of a model: refused with larder::error, or layers that can be allocated and filled without leaving them.

#include <larder/format/model_manifest.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace larder::format;
  try {
    const model_manifest m = parse_model_manifest(std::as_bytes(std::span(data, size)), "fuzz");
    for (const manifest_layer& layer : m.layers) {
      std::uint64_t end = 0;
      for (const manifest_tensor& tensor : layer.tensors) {
        if (tensor.info.offset < end || tensor.info.offset % alignment_of(tensor.info.dtype) != 0) std::abort();
        if (tensor.info.size > layer.size || tensor.info.offset > layer.size - tensor.info.size) std::abort();
        end = tensor.info.offset + tensor.info.size;
        std::uint64_t sum = 0;
        for (const manifest_chunk& chunk : tensor.chunks) {
          if (chunk.size == 0 || chunk.size > tensor.info.size - sum) std::abort();
          sum += chunk.size;
        }
        if (sum != (m.is_split ? tensor.info.size : 0)) std::abort();
      }
      if (end != layer.size) std::abort();
    }
    const std::string text = model_manifest_text(m);
    if (parse_model_manifest(std::as_bytes(std::span(text)), "again") != m) std::abort();
  } catch (const larder::error&) {
  }
  return 0;
}
