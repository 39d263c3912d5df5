#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

/// Where a layer lies in the file.
struct place {
  std::uint64_t offset;
  std::uint64_t size;
};

/// The model on disk that the subjects read, and what is in it.
struct model {
  std::filesystem::path path;
  std::vector<place> layers;         ///< in the order of use, which is that of the file
  std::vector<std::uint64_t> marks;  ///< `mark_of` each layer

  std::uint64_t largest_layer() const;
  std::uint64_t total() const;
};

/// Writes a safetensors file of so many layers of pseudo-random F16 tensors, and reads its marks. Throws.
model write_model(const std::filesystem::path& path, std::size_t layers, std::uint64_t layer_size);

/// What a subject does to a layer at least: the first word of each of its pages, all of them in one.
inline std::uint64_t mark_of(std::span<const std::byte> layer) noexcept {
  constexpr std::size_t page = 4096;
  std::uint64_t mark = 0;
  for (std::size_t at = 0; at + sizeof mark <= layer.size(); at += page)
    mark ^= *reinterpret_cast<const std::uint64_t*>(layer.data() + at);
  return mark;
}

/// Throws when these are not the bytes of that layer: nobody wins by being wrong.
inline void check_layer(const model& of, std::size_t index, std::span<const std::byte> layer) {
  if (layer.size() != of.layers[index].size || mark_of(layer) != of.marks[index])
    throw std::runtime_error("layer " + std::to_string(index) + " is not what is in the file");
}

}  // namespace bench
