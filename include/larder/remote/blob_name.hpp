#pragma once

#include <larder/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace larder::remote {

/// Longest name of an object: what every supported service takes.
inline constexpr std::size_t max_blob_name = 1024;

/// The characters of names that caches make; what a server lists besides is not ours.
constexpr bool is_blob_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '/' || c == '.' || c == '_' || c == '-';
}

/// Whether an object may be called so: `[a-z0-9/._-]+` without empty or dot segments. Names that a server lists are
/// untrusted and must pass this before they are used for anything.
constexpr bool is_blob_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > max_blob_name) return false;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t next = std::min(name.find('/', at), name.size());
    const std::string_view segment = name.substr(at, next - at);
    if (segment.empty() || segment == "." || segment == ".." || !std::all_of(segment.begin(), segment.end(), is_blob_character))
      return false;
    at = next + 1;
  }
  return true;
}

/// Throws `larder::error` for anything but a name.
inline void check_blob_name(std::string_view name) {
  if (is_blob_name(name)) return;
  std::string shown;  // never raw: it goes into a message
  for (const char c : name.substr(0, 80)) shown += is_blob_character(c) ? c : '?';
  core::fail(error_cause::invalid_argument,
             "\"" + shown + "\" cannot name a remote object; names are [a-z0-9/._-]+ without empty or dot segments, up to " +
                 std::to_string(max_blob_name) + " characters");
}

}  // namespace larder::remote
