#pragma once

#include <cstddef>
#include <string_view>

namespace larder::serve {

/// Whether a text may be the name of a chunk or of a model: one path component of letters, digits and `.` `_` `-`, 1 to 200 characters,
/// that does not begin with a dot. Such a name cannot leave the folder that it is looked up in.
constexpr bool is_chunk_name(std::string_view name) noexcept {
  constexpr std::size_t longest = 200;
  if (name.empty() || name.size() > longest || name.front() == '.') return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

}  // namespace larder::serve
