// Any bytes as a GGUF file: refused with larder::error, or tensors inside the file that do not overlap.

#include <larder/format/gguf_header.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = [&](std::uint64_t offset, std::span<std::byte> out) {
    if (offset > size || out.size() > size - offset) std::abort();
    if (!out.empty()) std::memcpy(out.data(), data + offset, out.size());
  };
  try {
    const auto header = larder::format::parse_gguf_header(read, size, "fuzz");
    std::uint64_t end = 0;
    for (const larder::tensor_info& tensor : header.tensors) {
      if (tensor.offset < end || tensor.offset % header.alignment != 0) std::abort();
      end = tensor.offset + tensor.size;
      if (header.data_begin > size || end > size - header.data_begin) std::abort();
    }
  } catch (const larder::error&) {
  }
  return 0;
}
