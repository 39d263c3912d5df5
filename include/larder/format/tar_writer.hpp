#pragma once

// Headers of tar archives that every reader takes: ustar, with a pax record before a member whose name has no room, and base-256 for sizes from
// 8 GiB. No times, owners or modes of this machine are in them, so that equal contents make equal archives.

#include <larder/format/tar_header.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace larder::format {

namespace tar_rules {

inline void put_octal(std::string& block, std::size_t begin, std::size_t digits, std::uint64_t number) {
  for (std::size_t i = digits; i-- > 0; number >>= 3U) block[begin + i] = static_cast<char>('0' + (number & 7U));
}

inline std::string header_block(std::string_view name, std::uint64_t size, char type) {
  std::string block(tar_block, '\0');
  block.replace(0, name.size(), name);
  put_octal(block, 100, 7, 0644);
  put_octal(block, 108, 7, 0);
  put_octal(block, 116, 7, 0);
  if (size < std::uint64_t{1} << 33U) {
    put_octal(block, 124, 11, size);
  } else {
    block[124] = '\x80';
    for (std::size_t i = 0; i < 8; ++i) block[135 - i] = static_cast<char>(size >> (8 * i) & 0xffU);
  }
  put_octal(block, 136, 11, 0);
  block[156] = type;
  block.replace(257, 8, std::string_view("ustar\00000", 8));
  block.replace(148, 8, "        ");
  std::uint64_t sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put_octal(block, 148, 6, sum);
  block[154] = '\0';
  return block;
}

}  // namespace tar_rules

/// What follows a member's content: zeros to the end of its block.
inline std::string tar_padding(std::uint64_t size) {
  return std::string(static_cast<std::size_t>((tar_block - size % tar_block) % tar_block), '\0');
}

/// What stands before a member's content.
inline std::string tar_member_head(std::string_view name, std::uint64_t size) {
  constexpr std::size_t longest_plain = 100;
  if (name.size() <= longest_plain) return tar_rules::header_block(name, size, '0');
  const std::string rest = " path=" + std::string(name) + "\n";
  std::size_t length = rest.size() + 1;  // a record's length counts its own digits
  while (std::to_string(length).size() + rest.size() != length) length = std::to_string(length).size() + rest.size();
  const std::string record = std::to_string(length) + rest;
  return tar_rules::header_block("pax/path", record.size(), 'x') + record + tar_padding(record.size()) +
         tar_rules::header_block(name.substr(0, longest_plain), size, '0');
}

/// What ends an archive.
inline std::string tar_end() { return std::string(2 * tar_block, '\0'); }

}  // namespace larder::format
