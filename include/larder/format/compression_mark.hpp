#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace larder::format {

/// How a file is compressed that begins so, as people forget that some are; empty when it is not.
inline std::string_view compression_of(std::span<const std::byte> begin) noexcept {
  const std::string_view text(reinterpret_cast<const char*>(begin.data()), begin.size());
  if (text.starts_with("\x1f\x8b")) return "gzip";
  if (text.starts_with("\x28\xb5\x2f\xfd")) return "zstd";
  if (text.starts_with("\xfd\x37zXZ")) return "xz";
  if (text.starts_with("BZh")) return "bzip2";
  if (text.starts_with("PK\x03\x04")) return "zip";
  return {};
}

}  // namespace larder::format
