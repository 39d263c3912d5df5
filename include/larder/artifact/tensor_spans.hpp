#pragma once

#include <larder/core/error.hpp>
#include <larder/format/gguf_header.hpp>
#include <larder/format/safetensors_header.hpp>
#include <larder/format/tensor.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace larder::artifacts {

/// A part of a file.
struct file_span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Where the tensors of an open file lie, in its order; nothing for a file that is neither safetensors nor GGUF, or no valid one. Throws
/// `storage::file_error`.
inline std::vector<file_span> tensor_spans(const storage::file_descriptor& file, const std::string& path, std::uint64_t size) {
  std::vector<file_span> spans;
  const auto take = [&](const std::vector<tensor_info>& tensors, std::uint64_t data_begin) {
    for (const tensor_info& tensor : tensors)
      if (tensor.size != 0) spans.push_back({data_begin + tensor.offset, data_begin + tensor.offset + tensor.size});
  };
  std::array<std::byte, format::safetensors_prefix> prefix{};
  if (storage::read_at(file, prefix.data(), prefix.size(), 0, path) != prefix.size()) return spans;
  constexpr std::array<std::byte, 4> gguf{std::byte{'G'}, std::byte{'G'}, std::byte{'U'}, std::byte{'F'}};
  try {
    if (std::equal(gguf.begin(), gguf.end(), prefix.begin())) {
      const format::gguf_header header = format::parse_gguf_header(
          [&](std::uint64_t offset, std::span<std::byte> to) {
            if (storage::read_at(file, to.data(), to.size(), offset, path) != to.size())
              core::fail(error_cause::corruption, "\"" + path + "\" became shorter");
          },
          size, path);
      take(header.tensors, header.data_begin);
    } else {
      std::vector<std::byte> json(static_cast<std::size_t>(format::parse_safetensors_length(prefix, size, path)));
      if (storage::read_at(file, json.data(), json.size(), prefix.size(), path) != json.size()) return spans;
      const format::safetensors_header header = format::parse_safetensors_header(json, size, path);
      take(header.tensors, header.data_begin);
    }
  } catch (const storage::file_error&) {
    throw;
  } catch (const error&) {  // another file than it looks like
    spans.clear();
  }
  return spans;
}

}  // namespace larder::artifacts
