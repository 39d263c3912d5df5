#pragma once

// What a tensor may be called, whatever the file that names it: names become file and object names elsewhere, and end at a NUL
// in C code.

#include <larder/format/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder::format {

/// The name as it can be printed: quoted; control characters, quotes and backslashes as \xNN; long names cut.
inline std::string printable_name(std::string_view name) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "\"";
  for (const char c : name.substr(0, 200)) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f || c == '"' || c == '\\') {
      text += "\\x";
      text += digits[u >> 4U];
      text += digits[u & 15U];
    } else {
      text += c;
    }
  }
  if (name.size() > 200) text += "...";
  return text + '"';
}

/// Why a tensor may not have this name; empty when it may. A '/' alone is fine.
inline std::string tensor_name_fault(std::string_view name) {
  if (name.empty()) return "it has an empty name";
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "the name holds a control character";
  std::size_t begin = 0;
  while (begin <= name.size()) {
    const std::size_t end = std::min(name.find_first_of("/\\", begin), name.size());
    const std::string_view component = name.substr(begin, end - begin);
    if (component == "." || component == "..") return "the name holds the path component \"" + std::string(component) + "\"";
    begin = end + 1;
  }
  return {};
}

/// A tensor whose name another one has, too; null when there is none.
inline const tensor_info* repeated_tensor(std::span<const tensor_info> tensors) {
  std::vector<const tensor_info*> by_name;
  by_name.reserve(tensors.size());
  for (const tensor_info& t : tensors) by_name.push_back(&t);
  std::sort(by_name.begin(), by_name.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
  const auto found =
      std::adjacent_find(by_name.begin(), by_name.end(), [](const auto* a, const auto* b) { return a->name == b->name; });
  return found == by_name.end() ? nullptr : *found;
}

}  // namespace larder::format
