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

/// Whether a name is segments of allowed characters between slashes, none of them empty or dots.
template <class Allowed>
constexpr bool is_name_of(std::string_view name, Allowed allowed) noexcept {
  if (name.empty() || name.size() > max_blob_name) return false;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t next = std::min(name.find('/', at), name.size());
    const std::string_view segment = name.substr(at, next - at);
    if (segment.empty() || segment == "." || segment == ".." || !std::all_of(segment.begin(), segment.end(), allowed))
      return false;
    at = next + 1;
  }
  return true;
}

/// Whether an object may be called so: `[a-z0-9/._-]+` without empty or dot segments. Names that a server lists are
/// untrusted and must pass this before they are used for anything.
constexpr bool is_blob_name(std::string_view name) noexcept { return is_name_of(name, is_blob_character); }

/// Whether an object that others have named may be read by this name: any UTF-8 without control characters, backslashes, and
/// empty or dot segments.
constexpr bool is_foreign_name(std::string_view name) noexcept {
  return is_name_of(name, [](char c) { return (c < '\0' || c >= ' ') && c != '\x7f' && c != '\\'; });
}

[[noreturn]] inline void refuse_name(std::string_view name, std::string_view names_are) {
  std::string shown;  // never raw: it goes into a message
  for (const char c : name.substr(0, 80)) shown += is_blob_character(c) || (c >= 'A' && c <= 'Z') ? c : '?';
  core::fail(error_cause::invalid_argument, "\"" + shown + "\" cannot name a remote object; names are " + std::string(names_are) +
                                                " without empty or dot segments, up to " + std::to_string(max_blob_name) + " characters");
}
/// Throws `larder::error` for anything but a name that a cache makes.
inline void check_blob_name(std::string_view name) {
  if (!is_blob_name(name)) refuse_name(name, "[a-z0-9/._-]+");
}
/// The same for names that others have made.
inline void check_foreign_name(std::string_view name) {
  if (!is_foreign_name(name)) refuse_name(name, "text without control characters and backslashes,");
}

}  // namespace larder::remote
