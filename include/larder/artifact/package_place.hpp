#pragma once

// Where a package lies: ids come from networks and users, and none of them is taken as a path.

#include <larder/artifact/relative_name.hpp>
#include <larder/core/error.hpp>
#include <larder/format/tensor_name.hpp>
#include <larder/remote/message_digest.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace larder::artifacts {

/// A folder's name for a model: what of its id may stand in one, for people, and 96 bits of the id's SHA-256, by which no two ids share it. Any text
/// is an id.
inline std::string model_folder_name(std::string_view model_id) {
  constexpr std::size_t longest_slug = 48;
  constexpr std::size_t hash_bytes = 12;
  std::string slug;
  for (const char c : model_id) {
    if (slug.size() == longest_slug) break;
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool kept = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '_' || lower == '.';
    if (kept && !(lower == '.' && (slug.empty() || slug.back() == '.' || slug.back() == '-')))
      slug += lower;
    else if (!slug.empty() && slug.back() != '-')
      slug += '-';
  }
  while (!slug.empty() && (slug.back() == '-' || slug.back() == '.')) slug.pop_back();
  if (slug.empty()) slug = "model";
  if (is_device_name(slug)) slug.insert(0, "model-");
  const remote::sha256_digest hash = remote::sha256_of(model_id);
  return slug + "-" + remote::hex_of(std::span(hash).first(hash_bytes));
}

/// Throws `larder::error` (invalid_argument) unless a package may be called so: a folder's name on every system, of letters, digits, and `._+-` behind
/// the first.
inline void check_package_id(std::string_view package_id) {
  check_file_name(package_id, "a package");
  const auto is_letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool fits = is_letter_or_digit(package_id.front()) && std::all_of(package_id.begin(), package_id.end(), [&](char c) {
                      return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-' || c == '+';
                    });
  if (!fits)
    core::fail(error_cause::invalid_argument,
               "a package may not be called " + format::printable_name(package_id) +
                   ": package ids are letters, digits, '.', '_', '-' and '+', and begin with a letter or digit");
}

}  // namespace larder::artifacts
