#pragma once

// GGUF files written by hand, right or wrong in every place.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace support {

/// Little-endian bytes.
template <class T>
std::string little(T value) {
  std::string out;
  for (unsigned i = 0; i < sizeof(T); ++i) out += static_cast<char>((static_cast<std::uint64_t>(value) >> (8 * i)) & 0xffU);
  return out;
}

/// A text as GGUF has it: its length and itself.
inline std::string gguf_text(std::string_view text) { return little(std::uint64_t{text.size()}) + std::string(text); }

struct gguf_tensor {
  std::string name;
  std::vector<std::uint64_t> shape;  // as in the file: neighbours first
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
};

/// The parts of a file; `text()` puts them together. Data are bytes that tell where they are (`byte_at`).
struct gguf_file {
  std::string mark = "GGUF";
  std::uint32_t version = 3;
  std::vector<std::string> entries;  // each whole: `entry(...)`
  std::vector<gguf_tensor> tensors;
  std::uint64_t alignment = 32;
  std::uint64_t data_size = 0;

  static std::string entry(std::string_view key, std::uint32_t type, std::string_view value) {
    return gguf_text(key) + little(type) + std::string(value);
  }
  static char byte_at(std::uint64_t offset) { return static_cast<char>((offset * 131 + offset / 251) & 0xffU); }

  std::string header() const {
    std::string out = mark + little(version) + little(std::uint64_t{tensors.size()}) + little(std::uint64_t{entries.size()});
    for (const std::string& e : entries) out += e;
    for (const gguf_tensor& t : tensors) {
      out += gguf_text(t.name) + little(static_cast<std::uint32_t>(t.shape.size()));
      for (const std::uint64_t n : t.shape) out += little(n);
      out += little(t.type) + little(t.offset);
    }
    return out;
  }
  std::string text() const {
    std::string out = header();
    while (out.size() % alignment != 0) out += '\0';
    for (std::uint64_t i = 0; i < data_size; ++i) out += byte_at(i);
    return out;
  }
};

}  // namespace support
