#pragma once

#include <larder/core/error.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace demo {

/// Writes a safetensors model of `layers` layers with four F16 tensors of pseudo-random content each, about `bytes` in all. In a
/// `tuned` one the tensor `mlp.up.weight` of every layer is another, the rest is alike. `progress(layers done)` after each. Written
/// aside and renamed, so a file that is there is whole.
inline void make_model(const std::filesystem::path& path, std::size_t layers, std::uint64_t bytes, bool tuned,
                       const std::function<void(std::size_t)>& progress) {
  struct part {
    const char* name;
    std::uint64_t share;  // of 16
    bool is_tuned;
  };
  constexpr std::array<part, 4> parts{{{"attention.qkv.weight", 5, false},
                                       {"attention.out.weight", 3, false},
                                       {"mlp.down.weight", 4, false},
                                       {"mlp.up.weight", 4, true}}};
  const std::uint64_t unit = bytes / layers / 16 / 8 * 8;

  std::string header = R"({"__metadata__":{"made_by":"larder demo"})";
  std::uint64_t offset = 0;
  for (std::size_t layer = 0; layer < layers; ++layer)
    for (const part& p : parts) {
      const std::uint64_t size = unit * p.share;
      header += ",\"model.layers." + std::to_string(layer) + "." + p.name + R"(":{"dtype":"F16","shape":[)" +
                std::to_string(size / 2) + R"(],"data_offsets":[)" + std::to_string(offset) + "," +
                std::to_string(offset + size) + "]}";
      offset += size;
    }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');

  const std::filesystem::path aside = path.string() + ".part";
  std::ofstream file(aside, std::ios::binary | std::ios::trunc);
  const std::uint64_t header_size = header.size();
  file.write(reinterpret_cast<const char*>(&header_size), sizeof header_size);
  file << header;
  std::vector<std::uint64_t> words(unit * 16 / sizeof(std::uint64_t));
  std::uint64_t state = 0x9e3779b97f4a7c15ULL;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    for (std::uint64_t& word : words) {  // xorshift64
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      word = state;
    }
    std::size_t at = 0;
    for (const part& p : parts) {
      const std::size_t count = unit * p.share / sizeof(std::uint64_t);
      for (std::size_t i = at; tuned && p.is_tuned && i < at + count; ++i) words[i] = ~words[i];
      at += count;
    }
    file.write(reinterpret_cast<const char*>(words.data()), static_cast<std::streamsize>(words.size() * sizeof(std::uint64_t)));
    progress(layer + 1);
  }
  file.close();
  if (!file)
    throw larder::error(larder::error_cause::io, "the demo's model could not be written to \"" + aside.string() +
                                                     "\"; is there room for " + std::to_string(bytes) + " bytes?");
  std::filesystem::rename(aside, path);
}

}  // namespace demo
