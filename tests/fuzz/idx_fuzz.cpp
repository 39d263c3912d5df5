// Any bytes as an IDX file: refused with larder::error, or records that fill it exactly.

#include <larder/format/idx_header.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto header = larder::format::parse_idx_header(std::as_bytes(std::span(data, size)), size, "fuzz");
    if (header.shape.empty() || header.record_size == 0 || header.data_begin + header.record_size * header.shape.front() != size) std::abort();
  } catch (const larder::error&) {
  }
  return 0;
}
