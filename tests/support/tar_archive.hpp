#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace support {

/// Writes tar archives, right ones and wrong ones, part by part.
class tar_archive {
 public:
  /// A header's block. The size is octal where that has room, else base-256.
  static std::string header(std::string_view name, std::uint64_t size, char type = '0', std::string_view prefix = {},
                            std::string_view magic = {"ustar\0" "00", 8}) {
    std::string block(512, '\0');
    block.replace(0, name.size(), name);
    block.replace(100, 7, "0000644");
    if (size < (std::uint64_t{1} << 33U)) {
      char digits[13];
      std::snprintf(digits, sizeof digits, "%011llo", static_cast<unsigned long long>(size));
      block.replace(124, 11, digits, 11);
    } else {
      block[124] = '\x80';
      for (std::size_t i = 0; i < 8; ++i) block[135 - i] = static_cast<char>((size >> (8 * i)) & 0xffU);
    }
    block[156] = type;
    block.replace(257, magic.size(), magic);
    block.replace(345, prefix.size(), prefix);
    return sealed(std::move(block));
  }
  /// The block with its checksum, over unsigned bytes or over signed ones.
  static std::string sealed(std::string block, bool as_signed = false) {
    block.replace(148, 8, "        ");
    long sum = 0;
    for (const char c : block) sum += as_signed ? static_cast<signed char>(c) : static_cast<unsigned char>(c);
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06lo", static_cast<unsigned long>(sum) & 0777777UL);
    block.replace(148, 7, digits, 7);
    return block;
  }
  static std::string padded(std::string_view content) {
    std::string text(content);
    text.resize((text.size() + 511) / 512 * 512);
    return text;
  }
  static std::string pax_record(std::string_view key, std::string_view value) {
    const std::string rest = " " + std::string(key) + "=" + std::string(value) + "\n";
    std::size_t length = rest.size() + 1;
    while (std::to_string(length).size() + rest.size() != length) length = std::to_string(length).size() + rest.size();
    return std::to_string(length) + rest;
  }

  tar_archive& raw(std::string_view bytes) {
    text_ += bytes;
    return *this;
  }
  /// A member with its content; a name without room is split as ustar does, or written as GNU's long name.
  tar_archive& file(std::string_view name, std::string_view content, char type = '0') {
    if (name.size() > 100) {
      const std::size_t slash = name.find('/', name.size() - 101);
      if (slash == std::string_view::npos || slash == 0 || slash > 155 || slash + 1 == name.size()) return gnu_file(name, content);
      return raw(header(name.substr(slash + 1), content.size(), type, name.substr(0, slash))).raw(padded(content));
    }
    return raw(header(name, content.size(), type)).raw(padded(content));
  }
  tar_archive& gnu_file(std::string_view name, std::string_view content) {
    constexpr std::string_view gnu{"ustar  \0", 8};
    raw(header("././@LongLink", name.size() + 1, 'L', {}, gnu)).raw(padded(std::string(name) + '\0'));
    return raw(header(name.substr(0, 100), content.size(), '0', {}, gnu)).raw(padded(content));
  }
  tar_archive& pax(std::string_view records, char type = 'x') {
    return raw(header("PaxHeaders/0", records.size(), type)).raw(padded(records));
  }
  tar_archive& pax_file(std::string_view name, std::string_view content) {
    pax(pax_record("mtime", "1.5") + pax_record("path", name) + pax_record("size", std::to_string(content.size())));
    return raw(header("short", 0)).raw(padded(content));
  }
  /// The two blocks of zeros.
  tar_archive& end() { return raw(std::string(1024, '\0')); }

  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

}  // namespace support
