#pragma once

// Small safetensors files in a directory of their own, which goes with the object.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/temporary_folder.hpp"

namespace larder_tests {

using scratch_directory = support::temporary_folder;

struct file_tensor {
  std::string name;
  std::string dtype;
  std::string shape;  // JSON
  std::size_t size;   // bytes
};

/// The byte that tensor data hold at an offset from the begin of the file's data.
inline char data_byte(std::size_t offset) { return static_cast<char>((offset * 131 + offset / 251) & 0xffU); }

/// The file's content: the tensors one after the other.
inline std::string model_bytes(const std::vector<file_tensor>& tensors, std::string_view metadata = {}) {
  std::string json = "{";
  if (!metadata.empty()) json += "\"__metadata__\":" + std::string(metadata);
  std::size_t offset = 0;
  for (const file_tensor& t : tensors) {
    if (json.size() > 1) json += ",";
    json += "\"" + t.name + "\":{\"dtype\":\"" + t.dtype + "\",\"shape\":" + t.shape + ",\"data_offsets\":[" + std::to_string(offset) + "," +
            std::to_string(offset + t.size) + "]}";
    offset += t.size;
  }
  json += "}";
  while (json.size() % 8 != 0) json += ' ';
  std::string file;
  for (unsigned i = 0; i < 8; ++i) file += static_cast<char>((json.size() >> (8 * i)) & 0xffU);
  file += json;
  for (std::size_t i = 0; i < offset; ++i) file += data_byte(i);
  return file;
}

inline void write_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
}

/// `count` layers "model.layers.<i>" of one tensor "weight" of `size` bytes each.
inline std::vector<file_tensor> equal_layers(std::size_t count, std::size_t size) {
  std::vector<file_tensor> tensors;
  for (std::size_t i = 0; i < count; ++i)
    tensors.push_back({"model.layers." + std::to_string(i) + ".weight", "U8", "[" + std::to_string(size) + "]", size});
  return tensors;
}

}  // namespace larder_tests
