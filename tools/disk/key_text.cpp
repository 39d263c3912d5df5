#include "disk/key_text.hpp"

#include "simulate/escaped_text.hpp"

#include <larder/core/error.hpp>

#include <array>
#include <optional>

namespace disk {
namespace {

constexpr std::string_view mark = "hex:";

bool is_plain(std::string_view key) {
  // What is UTF-8 and still not to be shown: control characters of two bytes, and what changes the direction of a line.
  constexpr std::array<std::string_view, 3> unseen{"\xe2\x80", "\xe2\x81", "\xef\xbb\xbf"};
  if (key.empty() || key.starts_with(mark) || simulate::printable(key) != key) return false;
  for (std::size_t i = 0; i + 1 < key.size(); ++i) {
    const auto next = static_cast<unsigned char>(key[i + 1]);
    if (key[i] == '\xc2' && next < 0xa0) return false;
    for (const std::string_view lead : unseen)
      if (key.substr(i).starts_with(lead)) {
        const auto last = static_cast<unsigned char>(key[i + 2]);
        const bool marks = lead[1] == '\x80' && (last <= 0x8f ? last >= 0x8b : last >= 0xa8 && last <= 0xae);
        const bool isolates = lead[1] == '\x81' && last >= 0xa6 && last <= 0xa9;
        if (marks || isolates || lead.size() == 3) return false;
      }
  }
  return key.front() != ' ' && key.back() != ' ';
}

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

}  // namespace

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string key_text(std::string_view key) { return is_plain(key) ? std::string(key) : std::string(mark) + hexadecimal(key); }

std::string key_of_text(std::string_view text, std::string_view option) {
  if (!text.starts_with(mark)) return std::string(text);
  const std::string_view digits = text.substr(mark.size());
  std::string key;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const auto high = digit(digits[i]);
    const auto low = i + 1 < digits.size() ? digit(digits[i + 1]) : std::nullopt;
    if (!high || !low)
      throw larder::error(
          larder::error_cause::invalid_argument,
          std::string(option) + ": \"" + std::string(text) +
              "\" is no key: hex: is followed by two digits 0-9a-f for each byte; write it as `larder disk ls` prints it");
    key += static_cast<char>(*high << 4 | *low);
  }
  return key;
}

}  // namespace disk
