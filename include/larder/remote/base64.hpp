#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace larder::remote {

/// The bytes in base64 (RFC 4648 section 4, padded).
inline std::string base64(std::string_view text) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((text.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < text.size(); at += 3) {
    const std::size_t n = text.size() - at < 3 ? text.size() - at : 3;
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = (group << 8U) | (i < n ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i])) : 0U);
    for (std::size_t i = 0; i < 4; ++i) out += i <= n ? alphabet[(group >> (18U - 6U * static_cast<unsigned>(i))) & 63U] : '=';
  }
  return out;
}

}  // namespace larder::remote
