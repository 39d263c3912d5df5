// Any bytes as a safetensors file: refused with larder::error, or tensors that cover the file's data exactly.

#include <larder/format/safetensors_header.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  try {
    const std::uint64_t length =
        larder::format::parse_safetensors_length(file.first(size < 8 ? size : 8), size, "fuzz");
    const auto header = larder::format::parse_safetensors_header(file.subspan(8, static_cast<std::size_t>(length)), size, "fuzz");
    std::uint64_t expected = header.data_begin;
    for (const larder::tensor_info& tensor : header.tensors) {
      if (header.data_begin + tensor.offset != expected || tensor.size > size - expected) std::abort();
      expected += tensor.size;
    }
    if (expected != size) std::abort();
  } catch (const larder::error&) {
  }
  return 0;
}
