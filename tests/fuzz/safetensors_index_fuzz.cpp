// Any bytes as the index of a split model: refused with larder::error, or names of files that stay in the index's folder.

#include <larder/format/safetensors_index.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    for (const auto& [tensor, file] : larder::format::parse_safetensors_index(std::as_bytes(std::span(data, size)), "fuzz"))
      if (tensor.empty() || file.empty() || file == "." || file == ".." || file.find_first_of("/\\") != std::string::npos) std::abort();
  } catch (const larder::error&) {
  }
  return 0;
}
