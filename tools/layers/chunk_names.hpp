#pragma once

#include <larder/core/digest.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace layers {

/// The digest that a file in a directory of chunks is called by; nothing for other files.
inline std::optional<larder::digest> digest_named(std::string_view name) {
  const std::optional<larder::digest> id = larder::digest::parse(name);
  return id && id->hex() == name ? id : std::nullopt;
}

/// What a chunk is called while it is written.
inline std::string chunk_part_name(const larder::digest& id) { return "." + id.hex() + ".part"; }
/// Whether a file is such a one, which a killed writer has left.
inline bool is_chunk_part(std::string_view name) {
  constexpr std::size_t digits = 32;
  return name.size() == digits + 6 && name.starts_with('.') && name.ends_with(".part") &&
         larder::digest::parse(name.substr(1, digits)).has_value();
}
/// Whether a file beside manifests is one that was being written.
inline bool is_manifest_part(std::string_view name) { return name.starts_with('.') && name.ends_with(".part"); }

}  // namespace layers
