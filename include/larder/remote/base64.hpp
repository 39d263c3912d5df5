#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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

/// The bytes that a padded base64 text stands for; nothing when it is not one.
inline std::optional<std::string> base64_decoded(std::string_view text) {
  const auto value_of = [](char c) -> std::optional<std::uint32_t> {
    if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
    if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a' + 26);
    if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0' + 52);
    if (c == '+') return 62U;
    if (c == '/') return 63U;
    return std::nullopt;
  };
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const bool last = at + 4 == text.size();
    const std::size_t padding = !last || text[at + 3] != '=' ? 0 : text[at + 2] == '=' ? 2 : 1;
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::optional<std::uint32_t> value = i < 4 - padding ? value_of(text[at + i]) : std::optional<std::uint32_t>(0U);
      if (!value) return std::nullopt;
      group = (group << 6U) | *value;
    }
    if ((padding == 1 && (group & 0xffU) != 0) || (padding == 2 && (group & 0xffffU) != 0)) return std::nullopt;  // another text of the same bytes
    for (std::size_t i = 0; i < 3 - padding; ++i) out += static_cast<char>((group >> (16U - 8U * static_cast<unsigned>(i))) & 0xffU);
  }
  return out;
}

}  // namespace larder::remote
